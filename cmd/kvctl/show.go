package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/target"
	"github.com/ringkv/ringkv/internal/units"
)

// newLookCommands returns the commands that look at a cluster.
func newLookCommands(s *session) []*cobra.Command {
	show := &cobra.Command{
		Use:     "show",
		Aliases: []string{"nodes"},
		Short:   "List the nodes: state, address, leaders, copies, keys",
		Args:    cobra.NoArgs,
	}
	showOutput := outputFlag(show, "wide", "json", "yaml")
	show.RunE = s.look(showOutput, func(w io.Writer, o *target.Observation) error {
		summary := o.Summarize()
		if done, err := showOutput.data(w, summary); done {
			return err
		}
		return printNodes(w, summary, showOutput.wide())
	})
	stats := &cobra.Command{
		Use:   "stats",
		Short: "Print the figures of the whole cluster",
		Args:  cobra.NoArgs,
	}
	statsOutput := outputFlag(stats, "json", "yaml")
	stats.RunE = s.look(statsOutput, func(w io.Writer, o *target.Observation) error {
		summary := o.Summarize()
		if done, err := statsOutput.data(w, summary); done {
			return err
		}
		return printStats(w, summary)
	})
	return []*cobra.Command{show, stats}
}

func printNodes(out io.Writer, s *target.Summary, wide bool) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "NODE\tSTATE\tREDIS\tLEADERS\tCOPIES\tKEYS\tDATA\t")
	if wide {
		fmt.Fprint(t, "ZONE\tPEER\tMETRICS\tPID\tRESTARTS\tLOG\tDISK FREE\tMEMORY\tLAG\tVERSION\tID\t")
	}
	fmt.Fprintln(t, "PROBLEM")
	for _, n := range s.Nodes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t", n.Name, n.State, n.RESP, n.Leaders, n.Replicas, units.Count(n.Keys), units.Bytes(n.Bytes))
		if wide {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%d\t%s\t%s\t", n.Zone, n.Peer, n.Metrics, n.PID, n.Restarts,
				units.Bytes(n.LogBytes), units.Bytes(n.DiskFree), units.Bytes(n.MemoryUsed), n.Lag, n.Version, n.ID.Short())
		}
		fmt.Fprintln(t, n.Problem)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, b := range s.Blocked {
		fmt.Fprintln(out, "blocked:", b)
	}
	return nil
}

func printStats(out io.Writer, s *target.Summary) error {
	var up int
	var copies, bytes, log uint64
	for _, n := range s.Nodes {
		if n.Up {
			up++
		}
		copies += n.Keys
		bytes += n.Bytes
		log += n.LogBytes
	}
	average := copies / uint64(max(len(s.Nodes), 1))
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	row("cluster", "%s", s.ClusterID)
	row("nodes", "%d, %d up", len(s.Nodes), up)
	row("partitions", "%d", s.Partitions)
	row("replication factor", "%d", s.ReplicationFactor)
	row("available", "%t", s.Available)
	row("as wanted", "%t", s.Settled)
	row("moves", "%d of %d made", s.MovesDone, s.MovesTotal)
	row("keys", "%d", s.Keys)
	row("copies of keys", "%d, %d on average per node", copies, average)
	row("data", "%s, %s in all copies", units.Bytes(s.Bytes), units.Bytes(bytes))
	row("logs", "%s on disk", units.Bytes(log))
	return t.Flush()
}
