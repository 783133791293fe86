package resp

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pipeline is requests and their replies, ready made.
type pipeline struct {
	request []byte
	reply   []byte
	got     []byte
}

func pipelineOf(name string, depth int) *pipeline {
	var in []byte
	var out strings.Builder
	value := strings.Repeat("v", 64)
	for i := range depth {
		key := fmt.Sprintf("key:%012d", i)
		if name == "SET" {
			in = appendCommand(in, []string{"SET", key, value})
			out.WriteString("+OK\r\n")
		} else {
			in = appendCommand(in, []string{"GET", key})
			fmt.Fprintf(&out, "$%d\r\n%s\r\n", len(value), value)
		}
	}
	return &pipeline{in, []byte(out.String()), make([]byte, out.Len())}
}

func (p *pipeline) run(t testing.TB, c *client) {
	if _, err := c.conn.Write(p.request); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c.conn, p.got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.got, p.reply) {
		t.Fatalf("got %q", p.got)
	}
}

// What is left are the timers of the poller and such, now and then.
func TestServingAllocatesNothingPerCommand(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	for _, depth := range []int{1, 16, 200} {
		for _, name := range []string{"SET", "GET"} {
			p := pipelineOf(name, depth)
			const rounds = 1000
			for range rounds / 10 {
				p.run(t, c)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range rounds {
				p.run(t, c)
			}
			runtime.ReadMemStats(&after)
			perCommand := float64(after.Mallocs-before.Mallocs) / float64(rounds*depth)
			require.Less(t, perCommand, 0.1, "%s, %d in a pipeline", name, depth)
		}
	}
}

func BenchmarkServer(b *testing.B) {
	for _, depth := range []int{1, 16, 128} {
		for _, name := range []string{"SET", "GET"} {
			b.Run(fmt.Sprintf("%s/P%d", name, depth), func(b *testing.B) {
				_, address := start(b, newFake(), Options{})
				c := dial(b, address)
				pipelineOf("SET", depth).run(b, c)
				p := pipelineOf(name, depth)
				b.ReportAllocs()
				for b.Loop() {
					p.run(b, c)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*depth), "ns/command")
			})
		}
	}
}
