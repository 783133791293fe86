package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
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
		printMoves(w, target.Changes(before, o))
		before = o
		if o.Ready() {
			s := o.Summarize()
			fmt.Fprintf(w, "[Coordinator] Rebalance complete: all is as wanted, after %s: %d nodes, %d copies of %s keys\n",
				units.Duration(time.Since(began)), len(s.Nodes), s.ReplicationFactor, units.Count(s.Keys))
			return nil
		}
		if key, line := underWay(o); line != "" && key != said {
			fmt.Fprintln(w, "[Coordinator] "+line)
			said = key
		}
		select {
		case <-ctx.Done():
			return errStoppedFollowing
		case <-time.After(followEvery):
		}
	}
}

// underWay is the one line that says what goes on. The key tells whether it is worth
// to be said again: a bar is for every tenth.
func underWay(o *target.Observation) (key, line string) {
	p := o.Progress
	switch {
	case len(o.Blocked) > 0:
		line = "waiting: " + o.Blocked[0]
	case p.MovesDone < p.MovesTotal:
		return fmt.Sprintf("tenth %d", 10*p.MovesDone/p.MovesTotal), progressLine(o.Summarize())
	case len(o.Notes) > 0:
		line = o.Notes[0]
	}
	return line, line
}

// printMoves prints what was copied and removed, a line for each node, and which
// nodes came and went.
func printMoves(w io.Writer, changes []target.Change) {
	type group struct {
		kind target.ChangeKind
		node string
	}
	copies := map[group][]target.Change{}
	for _, c := range changes {
		switch c.Kind {
		case target.CopyMade, target.CopyRemoved:
			g := group{c.Kind, c.Node}
			copies[g] = append(copies[g], c)
		case target.NodeChanged:
			fmt.Fprintln(w, "[Rebalance]", c.Text)
		}
	}
	groups := slices.SortedFunc(maps.Keys(copies), func(a, b group) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.node, b.node))
	})
	for _, g := range groups {
		verb, way := "Copied", "to"
		if g.kind == target.CopyRemoved {
			verb, way = "Removed", "from"
		}
		fmt.Fprintf(w, "[Rebalance] %s %s %s %s\n", verb, partitionList(copies[g]), way, g.node)
	}
}

// partitionList names partitions and the keys in them: "partitions 3, 7 and 12 more
// (938 keys)".
func partitionList(changes []target.Change) string {
	const most = 8
	var names []string
	var keys uint64
	for i, c := range changes {
		keys += c.Keys
		if i < most {
			names = append(names, strconv.Itoa(int(c.Partition)))
		}
	}
	text := "partition "
	if len(changes) > 1 {
		text = "partitions "
	}
	text += strings.Join(names, ", ")
	if more := len(changes) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s (%s keys)", text, units.Count(keys))
}
