package ringview

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/ringkv/ringkv/internal/units"
)

// Terminal draws the view with characters: the ring as a circle in which each
// character is the leader of the partition there, and a table of the nodes. With
// color each node has one, as ANSI sequences.
func (v *View) Terminal(w io.Writer, color bool) error {
	for _, line := range v.circle(color) {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "\n%s: %d partitions, %s of every key; around the ring: who leads each\n\n", v.Title, len(v.Partitions), copiesOf(v.Copies))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tNODE\tSTATE\tVNODES\tOWNS\tLEADS\tCOPIES\tKEYS\tSPREAD")
	most := uint64(1)
	for _, n := range v.Nodes {
		most = max(most, n.Keys)
	}
	for i, n := range v.Nodes {
		bar := strings.Repeat("█", int(math.Round(24*float64(n.Keys)/float64(most))))
		fmt.Fprintf(t, "%c\t%s\t%s\t%d\t%.1f%%\t%d\t%d\t%s\t%s\n", letter(i), n.Name, n.State, n.VirtualNodes, 100*n.Owns, n.Leads, n.Copies, units.Count(n.Keys), bar)
	}
	return t.Flush()
}

// letter stands for node i. After the last letter they come again.
func letter(i int) rune { return rune('A' + i%26) }

// circle returns the lines of the picture. A character is about twice as high as it
// is wide.
func (v *View) circle(color bool) []string {
	const radius, thick = 10.0, 3.2
	rows, columns := int(2*radius)+1, int(4*radius)+3
	index := map[string]int{}
	for i, n := range v.Nodes {
		index[n.Name] = i
	}
	var lines []string
	for row := range rows {
		var b strings.Builder
		for column := range columns {
			x, y := float64(column)/2-radius-0.5, float64(row)-radius
			r := math.Hypot(x, y)
			if r > radius+0.3 || r < radius-thick || len(v.Partitions) == 0 {
				b.WriteByte(' ')
				continue
			}
			part := math.Atan2(x, -y) / (2 * math.Pi)
			if part < 0 {
				part++
			}
			p := v.Partitions[min(int(part*float64(len(v.Partitions))), len(v.Partitions)-1)]
			i, led := index[p.Leader]
			switch {
			case !led:
				b.WriteByte('?')
			case color:
				fmt.Fprintf(&b, "\x1b[%dm%c\x1b[0m", 31+i%6, letter(i))
			default:
				b.WriteRune(letter(i))
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}
