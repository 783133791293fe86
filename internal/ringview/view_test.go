package ringview

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/target/targettest"
)

func TestTheViewAddsUpToTheWholeRing(t *testing.T) {
	v := Of(targettest.Observe(5, 64, 3))
	var owns float64
	var leads, copies, points int
	var led uint64
	for _, n := range v.Nodes {
		owns, leads, copies, led, points = owns+n.Owns, leads+n.Leads, copies+n.Copies, led+n.LedKeys, points+len(n.Points)
		for _, at := range n.Points {
			require.True(t, at >= 0 && at < 1)
		}
	}
	require.InDelta(t, 1, owns, 1e-9)
	require.Equal(t, 64, leads)
	require.Equal(t, 3*64, copies)
	require.Equal(t, 5*128, points)
	require.Equal(t, v.Keys, led)
	require.Equal(t, 16383, v.Partitions[63].LastSlot)
	for _, p := range v.Partitions {
		require.Equal(t, p.Leader, p.Copies[0], "the leader is the first")
	}
}

func TestTheSVGIsWellFormedAndHasAnArcForEveryCopy(t *testing.T) {
	for _, shape := range []struct{ nodes, partitions, copies int }{{1, 1, 1}, {3, 64, 3}, {20, 256, 2}} {
		o := targettest.Observe(shape.nodes, shape.partitions, shape.copies)
		o.Name = `a <cluster> & "more"`
		svg := Of(o).SVG()
		for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		require.Equal(t, shape.partitions*shape.copies, strings.Count(svg, "<title>partition "))
		require.NotContains(t, svg, "NaN")
		require.NotContains(t, svg, "<cluster>")
	}
}

func TestTheTerminalShowsWhoLeadsAndWhoIsDown(t *testing.T) {
	o := targettest.Observe(3, 64, 3)
	targettest.Down(o, "n2")
	var b strings.Builder
	require.NoError(t, Of(o).Terminal(&b, false))
	picture, table, _ := strings.Cut(b.String(), "the test cluster")
	require.Contains(t, picture, "A")
	require.NotContains(t, picture, "B", "who does not answer leads nothing")
	require.Contains(t, picture, "?", "partitions without a leader")
	require.Regexp(t, `B  n2 +DOWN +128`, table)
	require.NotContains(t, b.String(), "\x1b")
	b.Reset()
	require.NoError(t, Of(o).Terminal(&b, true))
	require.Contains(t, b.String(), "\x1b[31mA\x1b[0m")
}
