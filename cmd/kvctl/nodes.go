package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/target"
)

// newChangeCommands returns the commands that change what is wanted of a cluster.
func newChangeCommands(s *session) []*cobra.Command {
	return []*cobra.Command{newAddNodeCommand(s), newRemoveNodeCommand(s), newSetReplicaCommand(s), newRebalanceCommand(s)}
}

func newAddNodeCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "addnode [NAME [PORT|HOST:PORT]]",
		Short: "Add a node and give it its share of the data",
		Long: `Add a node and give it its share of the data.

In a local cluster it is a new process. A node called n4 has the ports where the
fourth node would be (see kvctl local), or those from PORT on. A cluster that
kvctl coordinate runs is told where the node's peer port is, as HOST:PORT. Adding a
node that is being removed keeps it.

In Kubernetes spec.nodes is raised by one. Without a name the node gets the next one.`,
		Example: "  kvctl addnode n4\n  kvctl addnode n5 5005",
		Args:    cobra.MaximumNArgs(2),
	}
	zone := cmd.Flags().String("zone", "", "failure zone of the node")
	return s.change(cmd, func(cmd *cobra.Command, t target.Target, args []string) (string, error) {
		node, err := newNode(cmd, t, args)
		if err != nil {
			return "", err
		}
		node.Zone = *zone
		return fmt.Sprintf("Rebalancing after adding node %s...", node.Name), t.AddNode(cmd.Context(), node)
	})
}

// newNode reads the arguments of addnode.
func newNode(cmd *cobra.Command, t target.Target, args []string) (target.NewNode, error) {
	var n target.NewNode
	if len(args) == 0 {
		o, err := t.Observe(cmd.Context())
		if err != nil {
			return n, err
		}
		n.Name = t.NextName(o)
		return n, nil
	}
	n.Name = args[0]
	if len(args) == 1 {
		return n, nil
	}
	if strings.Contains(args[1], ":") {
		n.Address = args[1]
		return n, nil
	}
	port, err := strconv.Atoi(args[1])
	if err != nil || port < 1 {
		return n, usageError{fmt.Errorf("%q is neither a port nor host:port", args[1])}
	}
	n.Port = port
	return n, nil
}

func newRemoveNodeCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "removenode NAME",
		Short: "Move a node's data to the others, then take it away",
		Long: `Move a node's data to the others, then take it away.

In a local cluster its process is stopped and its folder deleted, after proof that
its data is elsewhere. In Kubernetes spec.nodes is lowered by one; a StatefulSet
gives up its last pod first, so NAME must be that one.`,
		Example:           "  kvctl removenode n4",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: s.nodeNames,
	}
	return s.change(cmd, func(cmd *cobra.Command, t target.Target, args []string) (string, error) {
		return fmt.Sprintf("Rebalancing before removing node %s...", args[0]), t.RemoveNode(cmd.Context(), args[0])
	})
}

func newSetReplicaCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "setreplica N",
		Short:   "Change how many copies of every key there are",
		Example: "  kvctl setreplica 3",
		Args:    cobra.ExactArgs(1),
	}
	return s.change(cmd, func(cmd *cobra.Command, t target.Target, args []string) (string, error) {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return "", usageError{fmt.Errorf("%q is no number of copies", args[0])}
		}
		return fmt.Sprintf("Rebalancing for %d copies of every key...", n), t.SetReplicationFactor(cmd.Context(), n)
	})
}

func newRebalanceCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rebalance",
		Short: "Look for data that should move, now, and follow the moves",
		Long: `Look for data that should move, now, and follow the moves.

The coordinator does so by itself all the time: this shows what is under way.`,
		Args: cobra.NoArgs,
	}
	return s.change(cmd, func(cmd *cobra.Command, t target.Target, _ []string) (string, error) {
		return "[Coordinator] Starting rebalance...", t.Rebalance(cmd.Context())
	})
}

// change completes a command that makes a change and then follows it. wish returns
// what to say once the change is accepted.
func (s *session) change(cmd *cobra.Command, wish func(*cobra.Command, target.Target, []string) (string, error)) *cobra.Command {
	noWait := cmd.Flags().Bool("no-wait", false, "return before the moves are done")
	cmd.RunE = s.on(func(cmd *cobra.Command, t target.Target, args []string) error {
		before, err := t.Observe(cmd.Context())
		if err != nil {
			return err
		}
		said, err := wish(cmd, t, args)
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), said)
		if *noWait {
			return nil
		}
		return follow(cmd.Context(), t, before, cmd.OutOrStdout())
	})
	return cmd
}
