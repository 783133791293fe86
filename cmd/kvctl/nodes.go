package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/localcluster"
)

// newChangeCommands returns the commands that change a running local cluster.
func newChangeCommands(dir *string) []*cobra.Command {
	var zone string
	addnode := changeCommand(dir, &cobra.Command{
		Use:   "addnode NAME",
		Short: "Start a new node and give it its share of the data",
		Long: `Start a new node and give it its share of the data.

A node called n4 listens where the fourth node would (see kvctl local). Adding a
node that is being removed keeps it.`,
		Example: "  kvctl addnode n4",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, c *localcluster.Client, args []string) error {
		return c.AddNode(ctx, args[0], zone)
	})
	addnode.Flags().StringVar(&zone, "zone", "", "failure zone of the node")
	return []*cobra.Command{
		addnode,
		changeCommand(dir, &cobra.Command{
			Use:   "removenode NAME",
			Short: "Move a node's data to the others, then stop it and delete its folder",
			Args:  cobra.ExactArgs(1),
		}, func(ctx context.Context, c *localcluster.Client, args []string) error {
			return c.RemoveNode(ctx, args[0])
		}),
		changeCommand(dir, &cobra.Command{
			Use:   "setreplica N",
			Short: "Change how many copies of every key there are",
			Args:  cobra.ExactArgs(1),
		}, func(ctx context.Context, c *localcluster.Client, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil {
				return fmt.Errorf("%q is no number of copies", args[0])
			}
			return c.SetReplicationFactor(ctx, n)
		}),
		changeCommand(dir, &cobra.Command{
			Use:   "rebalance",
			Short: "Look for data that should move, now, and follow the moves",
			Long: `Look for data that should move, now, and follow the moves.

The coordinator does so by itself all the time: this shows what is under way.`,
			Args: cobra.NoArgs,
		}, func(ctx context.Context, c *localcluster.Client, _ []string) error {
			return c.Rebalance(ctx)
		}),
	}
}

// changeCommand completes a command that makes a change and then follows it.
func changeCommand(dir *string, cmd *cobra.Command, change func(context.Context, *localcluster.Client, []string) error) *cobra.Command {
	noWait := cmd.Flags().Bool("no-wait", false, "return before the moves are done")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := localcluster.Connect(*dir)
		if err != nil {
			return err
		}
		if err := change(cmd.Context(), c, args); err != nil {
			return err
		}
		if *noWait {
			return nil
		}
		return follow(cmd.Context(), c, cmd.OutOrStdout())
	}
	return cmd
}

// follow prints how far the moves are until all is as wanted.
func follow(ctx context.Context, c *localcluster.Client, out io.Writer) error {
	began := time.Now()
	var said string
	say := func(format string, args ...any) {
		if line := fmt.Sprintf(format, args...); line != said {
			fmt.Fprintln(out, line)
			said = line
		}
	}
	for {
		s, err := c.Status(ctx)
		if err != nil {
			return err
		}
		switch {
		case s.Ready():
			fmt.Fprintf(out, "all is as wanted, after %s: %d nodes, %d copies of %d keys\n",
				time.Since(began).Round(100*time.Millisecond), len(s.Nodes), s.ReplicationFactor, s.Keys)
			return nil
		case len(s.Blocked) > 0:
			say("waiting: %s", s.Blocked[0])
		case s.MovesDone < s.MovesTotal:
			say("moving: %d of %d copies of partitions made", s.MovesDone, s.MovesTotal)
		case len(s.Notes) > 0:
			say("%s", s.Notes[0])
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
