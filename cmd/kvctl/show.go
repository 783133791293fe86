package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/localcluster"
)

// newLookCommands returns the commands that look at a running local cluster.
func newLookCommands(dir *string) []*cobra.Command {
	return []*cobra.Command{
		lookCommand(dir, &cobra.Command{
			Use:   "show",
			Short: "List the nodes: state, addresses, leaders, copies, keys",
		}, printNodes),
		lookCommand(dir, &cobra.Command{
			Use:   "stats",
			Short: "Print the figures of the whole cluster",
		}, printStats),
	}
}

func lookCommand(dir *string, cmd *cobra.Command, show func(io.Writer, *localcluster.Status) error) *cobra.Command {
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *output != "text" && *output != "json" {
			return fmt.Errorf("--output %q: want text or json", *output)
		}
		c, err := localcluster.Connect(*dir)
		if err != nil {
			return err
		}
		s, err := c.Status(cmd.Context())
		if err != nil {
			return err
		}
		if *output == "json" {
			encoder := json.NewEncoder(cmd.OutOrStdout())
			encoder.SetIndent("", "  ")
			return encoder.Encode(s)
		}
		return show(cmd.OutOrStdout(), &s)
	}
	return cmd
}

func printNodes(out io.Writer, s *localcluster.Status) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tSTATE\tREDIS\tPEER\tMETRICS\tPID\tRESTARTS\tLEADERS\tCOPIES\tKEYS\tPROBLEM")
	for _, n := range s.Nodes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", n.Name, nodeState(&n), n.RESP, n.Peer, n.Metrics,
			n.PID, n.Restarts, n.Leaders, n.Replicas, n.Keys, n.Problem)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, b := range s.Blocked {
		fmt.Fprintln(out, "blocked:", b)
	}
	return nil
}

func nodeState(n *localcluster.Node) string {
	switch {
	case !n.Up:
		return "DOWN"
	case n.Leaving:
		return "LEAVING"
	case n.Problem != "":
		return "NOT READY"
	default:
		return "UP"
	}
}

func printStats(out io.Writer, s *localcluster.Status) error {
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
	row("copies of keys", "%d, %d on average per node", copies, copies/uint64(max(len(s.Nodes), 1)))
	row("data", "%d bytes in all copies", bytes)
	row("logs", "%d bytes on disk", log)
	return t.Flush()
}
