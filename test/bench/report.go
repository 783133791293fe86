package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringkv/ringkv/internal/units"
)

// The generated part of performance.md is between these lines; what is around them is
// written by people.
const (
	beginMark = "<!-- begin: written by make bench-peers -->"
	endMark   = "<!-- end: written by make bench-peers -->"
)

// writeReport renews the generated part of performance.md and the charts.
func (r *results) writeReport(docs string) error {
	name := filepath.Join(docs, "performance.md")
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	begin, end := bytes.Index(old, []byte(beginMark)), bytes.Index(old, []byte(endMark))
	if begin < 0 || end < begin {
		return fmt.Errorf("%s: the lines %q and %q are missing", name, beginMark, endMark)
	}
	var b bytes.Buffer
	b.Write(old[:begin])
	fmt.Fprintf(&b, "%s\n%s", beginMark, r.markdown())
	b.Write(old[end:])
	errs := []error{os.WriteFile(name, b.Bytes(), 0o644), writeChart(docs, "ratios", r.ratioChart())}
	for _, c := range growthCharts {
		if lines := r.lines(c.name); len(lines) > 0 {
			errs = append(errs, writeChart(docs, c.name, growthChart(c.title, lines)))
		}
	}
	return errors.Join(errs...)
}

func writeChart(docs, name, picture string) error {
	return os.WriteFile(filepath.Join(docs, "performance", name+".svg"), []byte(picture), 0o644)
}

// growthCharts are the charts of what grows. What they show is explained by hand, with
// the pictures, in performance.md.
var growthCharts = []struct{ name, title string }{
	{"keys", "rates by number of keys (one node, 50 connections, pipeline 16, 64 bytes)"},
	{"memory", "memory by number of keys (one node, 64 bytes)"},
	{"values", "rates by length of values (three copies, 50 connections)"},
	{"partitions", "rates by partitions (three copies, 50 connections, pipeline 16, 256 bytes)"},
	{"idle", "an idle node by partitions (three copies)"},
	{"connections", "rates by connections (three copies, 256 bytes)"},
	{"nodes", "rates by nodes, all on this machine (three copies, 50 connections, 256 bytes)"},
}

func (r *results) lines(chart string) (out []series) {
	for _, s := range r.Series {
		if s.Chart == chart {
			out = append(out, s)
		}
	}
	return out
}

// titles are the headings of the groups, in the order of the report.
var titles = []struct{ group, title string }{
	{"rf1", "One node, one copy"},
	{"rf3", "Three nodes, three copies"},
	{"forward", "Asked of a node that does not lead"},
	{"memory", "Memory"},
	{"restart", "Restart"},
	{"pauses", "Pauses"},
	{"kills", "A killed leader"},
	{"drain", "A node stopped gracefully"},
	{"idle", "Idle"},
}

func (r *results) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s.\n\n![ratios](performance/ratios.svg)\n", r.Machine)
	for _, t := range titles {
		var rows []comparison
		for _, c := range r.Comparisons {
			if c.Group == t.group {
				rows = append(rows, c)
			}
		}
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n| work | ringkv | peer | ratio | to reach | |\n|---|---|---|---|---|---|\n", t.title)
		for i := range rows {
			rows[i].writeRow(&b)
		}
		fmt.Fprintf(&b, "\nCommit %s, %s.\n", rows[0].Commit, rows[0].At.Format("2006-01-02 15:04 UTC"))
	}
	b.WriteString("\n")
	return b.String()
}

func (c *comparison) writeRow(b *strings.Builder) {
	theirs, ratio := c.Peer, ""
	if len(c.Theirs) > 0 {
		theirs = c.describe(c.Theirs) + " (" + c.Peer + ")"
		middle, least, most := c.ratios()
		ratio = fmt.Sprintf("%.2f", middle)
		if least != most {
			ratio += fmt.Sprintf(" (%.2f to %.2f)", least, most)
		}
	}
	outcome := ""
	if c.Target != (target{}) {
		outcome = "missed"
		if c.reached() {
			outcome = "reached"
		}
	}
	work := c.Work
	if c.Note != "" {
		work += " (" + c.Note + ")"
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", work, c.describe(c.Ours), theirs, ratio, c.Target.describe(c.Unit), outcome)
}

// describe is the value that stands for all rounds, with their spread.
func (c *comparison) describe(rounds []float64) string {
	text := quantity(c.value(rounds), c.Unit)
	if c.Worst {
		return fmt.Sprintf("%s (median %s of %d)", text, quantity(median(rounds), c.Unit), len(rounds))
	}
	return text
}

func (t target) describe(unit string) string {
	var parts []string
	if t.RatioAtLeast > 0 {
		parts = append(parts, fmt.Sprintf(">= %g", t.RatioAtLeast))
	}
	if t.RatioAtMost > 0 {
		parts = append(parts, fmt.Sprintf("<= %g", t.RatioAtMost))
	}
	if t.ValueAtMost > 0 {
		parts = append(parts, "<= "+quantity(t.ValueAtMost, unit))
	}
	if t.ValueAtLeast > 0 {
		parts = append(parts, ">= "+quantity(t.ValueAtLeast, unit))
	}
	if t.None {
		parts = append(parts, "none")
	}
	return strings.Join(parts, ", ")
}

// quantity prints a value with its unit.
func quantity(v float64, unit string) string {
	switch unit {
	case "/s":
		return units.Count(int64(v)) + "/s"
	case "ms":
		return fmt.Sprintf("%.3g ms", v)
	default:
		return fmt.Sprintf("%.3g %s", v, unit)
	}
}
