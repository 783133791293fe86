package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/forecast"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/units"
)

func newPlanCommand(s *session) *cobra.Command {
	var wish forecast.Wish
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what a change would move, before anything is changed",
		Long: `Say what a change would move, before anything is changed: how many copies of
partitions, how many bytes, what every node would then hold, and whether the
coordinator would refuse it. Without flags it says what is left to do now.

It is the coordinator's own plan, made for what the nodes report at this moment. The
exit code is 1 if the change would be refused.`,
		Example: "  kvctl plan --nodes 5\n  kvctl plan --replication-factor 2\n  kvctl plan --remove n2",
		Args:    cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.IntVar(&wish.Nodes, "nodes", 0, "number of nodes; 0 leaves it")
	flags.StringSliceVar(&wish.Add, "add", nil, "nodes to add, by name")
	flags.StringSliceVar(&wish.Remove, "remove", nil, "nodes to remove, by name")
	flags.IntVar(&wish.ReplicationFactor, "replication-factor", 0, "copies of every key; 0 leaves it")
	cmd.MarkFlagsMutuallyExclusive("nodes", "add")
	cmd.MarkFlagsMutuallyExclusive("nodes", "remove")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("remove", s.nodeNames))
	out := outputFlag(cmd, "wide", "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := out.check(); err != nil {
			return err
		}
		if wish.Nodes < 0 || wish.ReplicationFactor < 0 {
			return usageError{errors.New("--nodes and --replication-factor: want at least 1")}
		}
		t, err := s.target(cmd.Context())
		if err != nil {
			return err
		}
		o, err := t.Observe(cmd.Context())
		if err != nil {
			return err
		}
		f, err := forecast.Make(t, o, wish)
		if err != nil {
			return err
		}
		done, err := out.data(cmd.OutOrStdout(), f)
		if !done {
			err = printForecast(cmd.OutOrStdout(), f, out.wide())
		}
		if err == nil && len(f.Refused) > 0 {
			err = errReported
		}
		return err
	}
	return cmd
}

// causeWords say for people why copies are made.
var causeWords = map[string]string{
	string(coordinator.CauseRepair):      "to repair",
	string(coordinator.CauseReplication): "for more copies of each key",
	string(coordinator.CauseScaleIn):     "because a node leaves",
	string(coordinator.CauseBalance):     "for balance",
}

func printForecast(w io.Writer, f *forecast.Forecast, wide bool) error {
	fmt.Fprintf(w, "nodes   %s\ncopies  %s\n", fromTo(f.NodesBefore, f.NodesAfter), fromTo(f.CopiesBefore, f.CopiesAfter))
	if len(f.Refused) > 0 {
		for _, r := range f.Refused {
			fmt.Fprintln(w, "refused:", r)
		}
		return nil
	}
	var causes []string
	for _, cause := range slices.Sorted(maps.Keys(f.ByCause)) {
		causes = append(causes, fmt.Sprintf("%d %s", f.ByCause[cause], causeWords[cause]))
	}
	why := ""
	if len(causes) > 0 {
		why = " (" + strings.Join(causes, ", ") + ")"
	}
	fmt.Fprintf(w, "moves   %d copies of partitions, %s%s\n", f.Moves, units.Bytes(f.Bytes), why)
	if f.Dropped > 0 {
		fmt.Fprintf(w, "drops   %d copies, each after its partition is full without it\n", f.Dropped)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tCOPIES\tKEYS\tDATA\tRECEIVES\tDISK FREE\t")
	for _, n := range f.Nodes {
		part := ""
		switch {
		case n.New:
			part = "new"
		case n.Leaves:
			part = "leaves"
		}
		disk := units.Bytes(n.DiskFree)
		if n.DiskTotal == 0 {
			disk = "not known"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.Name, fromTo(n.CopiesBefore, n.CopiesAfter),
			arrow(units.Count(n.KeysBefore), units.Count(n.KeysAfter)), arrow(units.Bytes(n.BytesBefore), units.Bytes(n.BytesAfter)),
			units.Bytes(n.Incoming), disk, part)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if f.Example {
		fmt.Fprintln(w, "\nA new node gets its identity when it starts, and with it its places on the ring: its\nfigures can still be off by a few copies.")
	}
	if !wide || len(f.Moved) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	fmt.Fprintln(t, "PARTITION\tTO\tKEYS\tDATA")
	for _, m := range f.Moved {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\n", m.Partition, m.To, units.Count(m.Keys), units.Bytes(m.Bytes))
	}
	return t.Flush()
}

func fromTo(before, after int) string { return arrow(units.Count(before), units.Count(after)) }

// arrow is one figure, or two if it changes.
func arrow(before, after string) string {
	if before == after {
		return before
	}
	return before + " -> " + after
}
