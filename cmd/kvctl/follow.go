package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ringkv/ringkv/internal/target"
	"github.com/ringkv/ringkv/internal/units"
)

// followEvery is the pause between two looks while moves are followed.
const followEvery = 200 * time.Millisecond

// errStoppedFollowing is what Ctrl-C leaves behind.
var errStoppedFollowing = errors.New("stopped following: the change was accepted and goes on; kvctl status shows how far it is")

// follow prints what moves, and what it waits for, until all is as wanted.
func follow(ctx context.Context, t target.Target, before *target.Observation, w io.Writer) error {
	began := time.Now()
	var said string
	for {
		o, err := t.Observe(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err != nil {
			return errStoppedFollowing
		}
		printChanges(w, "[Rebalance]", slices.DeleteFunc(target.Changes(before, o), func(c target.Change) bool {
			return c.Kind == target.ClusterState // said in other words below
		}))
		before = o
		if o.Ready() {
			s := o.Summarize()
			fmt.Fprintf(w, "[Coordinator] Rebalance complete: all is as wanted, after %s: %d nodes, %d copies of %s keys\n",
				units.Duration(time.Since(began)), len(s.Nodes), s.ReplicationFactor, units.Count(s.Keys))
			return nil
		}
		if line := waitingFor(o); line != "" && line != said {
			fmt.Fprintln(w, "[Coordinator] "+line)
			said = line
		}
		select {
		case <-ctx.Done():
			return errStoppedFollowing
		case <-time.After(followEvery):
		}
	}
}

// waitingFor is the one line that says what goes on.
func waitingFor(o *target.Observation) string {
	switch s := o.Summarize(); {
	case len(o.Blocked) > 0:
		return "waiting: " + o.Blocked[0]
	case o.Progress.MovesDone < o.Progress.MovesTotal:
		return progressLine(s)
	case len(o.Notes) > 0:
		return o.Notes[0]
	}
	return ""
}

// printChanges prints them all, or their number by kind where there are many.
func printChanges(w io.Writer, prefix string, changes []target.Change) {
	const most = 12
	kinds := map[target.ChangeKind]int{}
	for _, c := range changes {
		kinds[c.Kind]++
	}
	skipped := map[target.ChangeKind]bool{}
	for _, c := range changes {
		switch {
		case kinds[c.Kind] <= most:
			fmt.Fprintln(w, prefix, c.Text)
		case !skipped[c.Kind]:
			skipped[c.Kind] = true
			fmt.Fprintf(w, "%s %s, and %d more such\n", prefix, c.Text, kinds[c.Kind]-1)
		}
	}
}
