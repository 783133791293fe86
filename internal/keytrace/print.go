package keytrace

import (
	"fmt"
	"io"
	"strings"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// PrintReplicas says who has the key: "Replicas for key apple: n1 n2 n3 (...)".
func (tr *Trace) PrintReplicas(w io.Writer) {
	var names []string
	for _, c := range tr.Copies {
		names = append(names, c.Node)
	}
	leader := "nobody leads it at the moment"
	if tr.Leader != "" {
		leader = tr.Leader + " leads it"
	}
	fmt.Fprintf(w, "Replicas for key %s: %s (slot %d, partition %d; %s)\n", tr.Key, strings.Join(names, " "), tr.Slot, tr.Partition, leader)
}

// PrintFallback says which nodes were passed over.
func (tr *Trace) PrintFallback(w io.Writer) {
	for i, d := range tr.Down {
		next := tr.Asked
		if i+1 < len(tr.Down) {
			next = tr.Down[i+1].Node
		}
		if next == "" {
			fmt.Fprintf(w, "%s is down (%s)\n", d.Node, d.Reason)
		} else {
			fmt.Fprintf(w, "%s is down, asked %s\n", d.Node, next)
		}
	}
}

// PrintPut says what every copy has after a write: "[n1] PUT apple = 123 -> ...".
func (tr *Trace) PrintPut(w io.Writer, value string) {
	written := tr.version()
	for _, c := range tr.Copies {
		fmt.Fprintf(w, "[%s] PUT %s = %s -> %s\n", c.Node, tr.Key, value, c.after(func(s *cluster.KeyStatus) string {
			switch {
			case s.Found && s.Version >= written:
				return fmt.Sprintf("ok, version %d", s.Version)
			case s.Found:
				return fmt.Sprintf("still version %d, behind", s.Version)
			default:
				return "not there yet, behind"
			}
		}))
	}
}

// PrintDel says what every copy has after a deletion.
func (tr *Trace) PrintDel(w io.Writer) {
	for _, c := range tr.Copies {
		fmt.Fprintf(w, "[%s] DEL %s -> %s\n", c.Node, tr.Key, c.after(func(s *cluster.KeyStatus) string {
			if s.Found {
				return fmt.Sprintf("still version %d, behind", s.Version)
			}
			return "ok, not there"
		}))
	}
}

// version is that of the key at the leader, or else the highest that any copy has.
func (tr *Trace) version() (v uint64) {
	for _, c := range tr.Copies {
		switch {
		case c.Status == nil:
		case c.Status.Role == cluster.RoleLeader:
			return c.Status.Version
		default:
			v = max(v, c.Status.Version)
		}
	}
	return v
}

// after is what a copy says, with its part.
func (c *Copy) after(say func(*cluster.KeyStatus) string) string {
	switch {
	case c.Status == nil:
		return "down, gets it when it is back: " + c.Problem
	case c.Status.Replica == 0:
		return "its copy is gone: it has moved"
	case c.Status.State != cluster.ReplicaRunning:
		return fmt.Sprintf("its copy is %s", strings.ToLower(string(c.Status.State)))
	}
	text := say(c.Status)
	switch {
	case c.Status.Role == cluster.RoleLeader:
		return text + " (leader)"
	case c.learner || c.Status.Role == cluster.RoleLearner:
		return text + " (a new copy, being filled)"
	}
	return text
}
