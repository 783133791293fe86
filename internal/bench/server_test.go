package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// server is a small Redis that counts, and can be made to misbehave.
type server struct {
	listener net.Listener

	mu       sync.Mutex
	values   map[string]string
	commands map[string]int
	// before is called for each command with their number so far; what it returns
	// is the answer unless it is empty. hangUp drops the connection.
	before func(n int) string
	n      int
	// route, if not nil, makes it one of a cluster: it returns the answer to a command
	// that is not its own to execute, or nothing.
	route func(words []string) string
}

const hangUp = "hang up"

func serve(t *testing.T) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{listener: listener, values: map[string]string{}, commands: map[string]int{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.talk(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
	return s
}

func (s *server) address() string { return s.listener.Addr().String() }

func (s *server) talk(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		var n int
		if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil {
			return
		}
		words := make([]string, n)
		for i := range words {
			var length int
			if _, err := fmt.Fscanf(in, "$%d\r\n", &length); err != nil {
				return
			}
			b := make([]byte, length+2)
			if _, err := io.ReadFull(in, b); err != nil {
				return
			}
			words[i] = string(b[:length])
		}
		answer := s.do(words)
		if answer == hangUp {
			return
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func (s *server) do(words []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if s.before != nil {
		if answer := s.before(s.n); answer != "" {
			return answer
		}
	}
	if s.route != nil {
		if answer := s.route(words); answer != "" {
			return answer
		}
	}
	s.commands[words[0]]++
	if words[0] == "SET" {
		s.values[words[1]] = words[2]
		return "+OK\r\n"
	}
	v, ok := s.values[words[1]]
	if !ok {
		return "$-1\r\n"
	}
	return fmt.Sprintf("$%d\r\n%s\r\n", len(v), v)
}

func options(s *server) Options {
	return Options{
		Addresses: []string{s.address()}, Connections: 4, Pipeline: 1, Count: 2000, Keys: 500, Prefix: "b:",
		Distribution: Uniform, Skew: 0.99, MinValueBytes: 10, MaxValueBytes: 20, ReadFraction: 0.5, Timeout: 10 * time.Second, Seed: 1,
	}
}

// sum checks that a kind's buckets add up to its count, and returns it.
func sum(t *testing.T, k *KindResult) (n uint64) {
	t.Helper()
	for _, b := range k.Histogram {
		n += b.Count
	}
	require.Equal(t, k.Count, n)
	return n
}

func TestEveryCommandIsCountedOnce(t *testing.T) {
	for _, shape := range []struct{ connections, pipeline int }{{1, 1}, {4, 1}, {4, 16}, {7, 33}} {
		s := serve(t)
		o := options(s)
		o.Connections, o.Pipeline = shape.connections, shape.pipeline
		r, err := Run(t.Context(), o, nil)
		require.NoError(t, err)
		require.EqualValues(t, 2000, r.Operations, "%+v", shape)
		require.EqualValues(t, s.commands["GET"], sum(t, &r.Reads))
		require.EqualValues(t, s.commands["SET"], sum(t, &r.Writes))
		require.InDelta(t, 1000, r.Reads.Count, 150)
		require.Zero(t, r.Failed)
		var seconds uint64
		for _, second := range r.Timeline {
			seconds += second.Reads + second.Writes
		}
		require.Equal(t, r.Operations, seconds, "the timeline has them all")
		require.LessOrEqual(t, r.Reads.Latency.P50, r.Reads.Latency.P99)
		require.LessOrEqual(t, r.Reads.Latency.P99, r.Reads.Latency.Max)
	}
}

func TestFillWritesEveryKey(t *testing.T) {
	s := serve(t)
	o := options(s)
	o.Keys = 1234
	require.NoError(t, Fill(t.Context(), o))
	require.Len(t, s.values, 1234)
	for key, value := range s.values {
		require.Regexp(t, `^b:\d{12}$`, key)
		require.True(t, len(value) >= 10 && len(value) <= 20)
	}
	r, err := Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.Zero(t, r.Missing, "reads find what was filled in")
}

func TestFillGoesOnThroughAnElectionAndALostConnection(t *testing.T) {
	s := serve(t)
	s.before = func(n int) string {
		switch {
		case n%50 == 7:
			return "-UNKNOWNRESULT no answer from the leader\r\n"
		case n%50 == 9:
			return "-CLUSTERDOWN no leader\r\n"
		case n%400 == 11:
			return hangUp
		}
		return ""
	}
	o := options(s)
	require.NoError(t, Fill(t.Context(), o))
	require.Len(t, s.values, o.Keys)

	s = serve(t)
	s.before = func(int) string { return "-OOM no room\r\n" }
	o = options(s)
	require.ErrorContains(t, Fill(t.Context(), o), "keys could not be written: OOM no room")
}

func TestFillGivesUpOnAServerThatStaysAway(t *testing.T) {
	s := serve(t)
	s.before = func(n int) string {
		if n > 100 {
			return hangUp
		}
		return ""
	}
	o := options(s)
	o.ReadFraction, o.Distribution, o.Pipeline, o.Count, o.persist = 0, Sequential, 16, 1_000_000, 50*time.Millisecond
	r, err := Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.NotZero(t, r.Failed)
	require.LessOrEqual(t, r.Failed, uint64(o.Connections*o.Pipeline), "no connection tries a second time")
}

// stall makes the server stop for a while at its 100th command.
func stall(s *server, length time.Duration) {
	s.before = func(n int) string {
		if n == 100 {
			time.Sleep(length) // with the lock held: nobody is served
		}
		return ""
	}
}

func TestAnOpenLoopCountsTheWaitOfThoseWhoCouldNotBeServed(t *testing.T) {
	const length = 500 * time.Millisecond
	late := func(r *Result) (n uint64) {
		for _, k := range []*KindResult{&r.Reads, &r.Writes} {
			for _, b := range k.Histogram {
				if b.From > 100 {
					n += b.Count
				}
			}
		}
		return n
	}
	o := options(serve(t))
	o.Count = 1000

	closed := serve(t)
	stall(closed, length)
	o.Addresses = []string{closed.address()}
	closedResult, err := Run(t.Context(), o, nil)
	require.NoError(t, err)

	open := serve(t)
	stall(open, length)
	o.Addresses, o.Rate, o.Pipeline = []string{open.address()}, 1000, 64
	r, err := Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1000, r.Operations)
	// Of the 500 that became due meanwhile, all but those of the last 100 ms waited
	// longer than that.
	require.GreaterOrEqual(t, late(r), uint64(380))
	// In the closed loop it is one for each connection, and what a busy machine adds.
	require.Less(t, late(closedResult), late(r)/2, "the others were never asked for")
	require.GreaterOrEqual(t, max(r.Reads.Latency.Max, r.Writes.Latency.Max), 490.0)
}

func TestFailedCommandsAreCountedApart(t *testing.T) {
	s := serve(t)
	s.before = func(n int) string {
		switch {
		case n%100 == 50:
			return "-CLUSTERDOWN no leader\r\n"
		case n == 777:
			return hangUp
		}
		return ""
	}
	r, err := Run(t.Context(), options(s), nil)
	require.NoError(t, err)
	require.EqualValues(t, 2000, r.Operations+r.Failed)
	require.EqualValues(t, 20, r.Errors["CLUSTERDOWN"])
	require.EqualValues(t, 1, r.Errors["connection"], "and the connection is made anew")
	require.Equal(t, "CLUSTERDOWN no leader", r.ErrorSamples["CLUSTERDOWN"])
}

func TestWhatWarmsUpDoesNotCount(t *testing.T) {
	s := serve(t)
	o := options(s)
	o.Warmup = 400 * time.Millisecond
	open := o
	open.Rate, open.Count = 500, 300
	r, err := Run(t.Context(), open, nil)
	require.NoError(t, err)
	require.Equal(t, open.Count, r.Operations)
	require.Equal(t, 500, s.commands["GET"]+s.commands["SET"], "200 became due before")
	r, err = Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.Equal(t, o.Count, r.Operations, "nor in a closed loop")
}

func TestWhereNothingListensIsAClearError(t *testing.T) {
	s := serve(t)
	o := options(s)
	s.listener.Close()
	_, err := Run(t.Context(), o, nil)
	require.ErrorContains(t, err, "connection refused")
	for want, spoil := range map[string]func(*Options){
		"no address":      func(o *Options) { o.Addresses = nil },
		"want host:port":  func(o *Options) { o.Addresses = []string{"localhost"} },
		"0 connections":   func(o *Options) { o.Connections = 0 },
		"must end":        func(o *Options) { o.Count = 0 },
		"distribution":    func(o *Options) { o.Distribution = "normal" },
		"skew 1":          func(o *Options) { o.Distribution, o.Skew = Zipf, 1 },
		"read fraction 2": func(o *Options) { o.ReadFraction = 2 },
		"values of 9":     func(o *Options) { o.MinValueBytes, o.MaxValueBytes = 9, 3 },
	} {
		o := options(s)
		spoil(&o)
		require.ErrorContains(t, o.Check(), want)
	}
}

func TestTheReportsSayWhatWasFound(t *testing.T) {
	s := serve(t)
	o := options(s)
	s.before = func(n int) string {
		if n == 5 {
			return "-OOM no memory\r\n"
		}
		return ""
	}
	r, err := Run(t.Context(), o, nil)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, r.WriteText(&b))
	require.Contains(t, b.String(), "1,999 operations in ")
	require.Contains(t, b.String(), "FAILED 1: OOM, such as: OOM no memory\n")
	require.Regexp(t, `up to +\S+ +100\.0000% █+`, b.String())
	wellFormed(t, r.SVG(`a <b> & "c"`))
	wellFormed(t, (&Result{Options: o}).SVG("nothing measured"))
	for _, r := range []*Result{r, {Options: o}} {
		var picture bytes.Buffer
		require.NoError(t, r.WritePNG(&picture, "µ"))
		decoded, err := png.Decode(&picture)
		require.NoError(t, err)
		require.Equal(t, image.Rect(0, 0, plotWidth*pixels, plotHeight*pixels), decoded.Bounds())
	}
}
