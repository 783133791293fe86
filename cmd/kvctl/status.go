package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/target"
	"github.com/ringkv/ringkv/internal/units"
)

func newStatusCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the whole cluster on one screen",
		Long: `Show the whole cluster on one screen: which nodes are up, who leads how much, how
the keys are spread, how far copies are behind, and how far moves are.

With -o json and yaml it prints what show prints.`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(cmd, "json", "yaml")
	cmd.RunE = s.look(out, func(w io.Writer, o *target.Observation) error {
		summary := o.Summarize()
		if done, err := out.data(w, summary); done {
			return err
		}
		return printStatus(w, summary)
	})
	return cmd
}

func printStatus(w io.Writer, s *target.Summary) error {
	up := 0
	for _, n := range s.Nodes {
		if n.Up {
			up++
		}
	}
	fmt.Fprintf(w, "%s: %d of %d nodes up, %d partitions, %d copies of every key\n", s.Cluster, up, len(s.Nodes), s.Partitions, s.ReplicationFactor)
	for _, line := range stateLines(s) {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w)

	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tSTATE\tLEADS\tCOPIES\tKEYS\tDATA\tSHARE\tLOG\tDISK FREE\tBEHIND\tPROBLEM")
	var all uint64
	for _, n := range s.Nodes {
		all += n.Bytes
	}
	for _, n := range s.Nodes {
		share := 0.0
		if all > 0 {
			share = float64(n.Bytes) / float64(all)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%s %2.0f%%\t%s\t%s\t%s\t%s\n", n.Name, n.State, n.Leaders, n.Replicas, units.Count(n.Keys),
			units.Bytes(n.Bytes), bar(share, 10), 100*share, units.Bytes(n.LogBytes), units.Bytes(n.DiskFree), units.Count(n.Lag), n.Problem)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s keys, %s; every key counted once\n", units.Count(s.Keys), units.Bytes(s.Bytes))
	return err
}

// stateLines say in words how the cluster is.
func stateLines(s *target.Summary) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	switch {
	case s.Leaderless > 0:
		add("%d partitions have no leader right now", s.Leaderless)
	case !s.Available:
		add("not every node can serve every key right now")
	case s.Settled:
		add("all is as wanted")
	}
	if s.Incomplete > 0 {
		add("%d partitions have fewer than %d good copies", s.Incomplete, s.ReplicationFactor)
	}
	if s.MovesDone < s.MovesTotal {
		add("moving: %s", progressLine(s))
	} else if !s.Settled && len(s.Notes) > 0 {
		add("%s", s.Notes[0])
	}
	for _, b := range s.Blocked {
		add("blocked: %s", b)
	}
	if s.Stale != "" {
		add("%s", s.Stale)
	}
	return lines
}

// progressLine is a bar with its figures.
func progressLine(s *target.Summary) string {
	done := float64(s.MovesDone) / float64(max(s.MovesTotal, 1))
	text := fmt.Sprintf("%s %3.0f%%  %d of %d copies of partitions", bar(done, 24), 100*done, s.MovesDone, s.MovesTotal)
	if s.BytesTotal > 0 {
		text += fmt.Sprintf(", %s of %s", units.Bytes(s.BytesDone), units.Bytes(s.BytesTotal))
	}
	if s.ETASeconds > 0 {
		text += fmt.Sprintf(", about %s left", time.Duration(s.ETASeconds)*time.Second)
	}
	return text
}

// bar draws a share of 0 to 1 in width characters.
func bar(share float64, width int) string {
	full := int(share*float64(width) + 0.5)
	full = min(max(full, 0), width)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
