package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

func newWALVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Read a whole log and its snapshots, and say what is damaged",
		Long: `Read a whole log and its snapshots, and say what is damaged: which places, and which
partitions the node would refuse because of them when it starts. Nothing is changed.
DIR is the data folder of a node that does not run.

The exit code is 1 if anything is damaged. A write at the end that did not finish is no
damage: a crash leaves one behind.`,
		Example: "  kvctl wal verify ringkv-data/n1",
		Args:    cobra.ExactArgs(1),
	}
	out := outputFlag(cmd, "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := out.check(); err != nil {
			return err
		}
		l, err := findLog(args[0])
		if err != nil {
			return err
		}
		v, err := verifyLog(l)
		if err != nil {
			return err
		}
		done, err := out.data(cmd.OutOrStdout(), v)
		if !done {
			v.print(cmd.OutOrStdout())
		}
		if err == nil && !v.OK {
			err = errReported
		}
		return err
	}
	return cmd
}

// logVerdict is what was found in a log.
type logVerdict struct {
	OK        bool   `json:"ok"`
	NodeID    string `json:"nodeID"`
	Segments  int    `json:"segments"`
	Records   int    `json:"records"`
	Entries   int    `json:"entries"`
	Commands  int    `json:"commands"`
	Replicas  int    `json:"replicas"` // that can go on
	Snapshots int    `json:"snapshots"`
	// Clean: the log was closed in order.
	Clean   bool      `json:"clean"`
	Torn    *place    `json:"torn,omitempty"` // an unfinished write at the end
	Damage  []place   `json:"damage,omitempty"`
	Refused []refusal `json:"refused,omitempty"`
	// Undecodable are entries whose commands make no sense although their checksum
	// is right.
	Undecodable []string `json:"undecodable,omitempty"`
	// Unaccounted is how many records are lost without it being known of which
	// partition; see wal.Recovery.
	Unaccounted int64  `json:"unaccounted,omitempty"`
	NodeState   string `json:"nodeState,omitempty"` // why the node's own state may be old
}

// place is a part of the log.
type place struct {
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
	Bytes   int64  `json:"bytes,omitempty"` // 0 if not known
	Reason  string `json:"reason,omitempty"`
}

// refusal is a partition that could have lost something.
type refusal struct {
	Partition uint32 `json:"partition"`
	Segment   uint64 `json:"segment"`
	Offset    int64  `json:"offset"`
	Reason    string `json:"reason"`
}

// verifyLog counts what is there, and recovers the log as a starting node would,
// without changing it.
func verifyLog(l logFolders) (*logVerdict, error) {
	recovery, err := wal.Verify(wal.Options{FS: vfs.OS{}, Dir: l.log, SnapshotDir: l.snapshots})
	if err != nil {
		return nil, err
	}
	v := &logVerdict{
		NodeID: recovery.NodeID, Clean: recovery.Clean, Unaccounted: recovery.Unaccounted, Replicas: len(recovery.Replicas),
	}
	if c := recovery.Cut; c != nil {
		v.Torn = &place{c.Segment, c.Offset, c.Bytes, "a write that did not finish, or its remains"}
	}
	for _, d := range recovery.Damage {
		v.Damage = append(v.Damage, place{d.Segment, d.Offset, d.Bytes, d.Reason})
	}
	if err := v.count(l); err != nil {
		return nil, err
	}
	for _, r := range recovery.Replicas {
		if r.Snapshot != nil && r.Snapshot.File != "" { // without a file: an empty beginning
			v.Snapshots++
		}
	}
	for _, p := range slices.Sorted(maps.Keys(recovery.Refused)) {
		r := recovery.Refused[p]
		v.Refused = append(v.Refused, refusal{p, r.Segment, r.Offset, r.Reason})
	}
	if recovery.MetaStale != nil {
		v.NodeState = fmt.Sprintf("segment %d offset %d: %s", recovery.MetaStale.Segment, recovery.MetaStale.Offset, recovery.MetaStale.Reason)
	}
	v.OK = len(v.Damage)+len(v.Refused)+len(v.Undecodable) == 0 && v.Unaccounted == 0 && v.NodeState == ""
	return v, nil
}

// count looks at every record.
func (v *logVerdict) count(l logFolders) error {
	segments := map[uint64]bool{}
	for item, err := range wal.Dump(vfs.OS{}, l.log) {
		switch {
		case err != nil:
			return err
		case item.Damage != nil:
			continue // recovery has judged it
		}
		r := &item.Record
		v.Records++
		segments[r.Segment] = true
		if r.Type == wal.TypeEntry {
			v.Entries++
		}
		lines, err := commandLines(r)
		if err != nil {
			v.Undecodable = append(v.Undecodable, fmt.Sprintf("%s: %v", placeOf(r), err))
		}
		v.Commands += len(lines)
	}
	v.Segments = len(segments)
	return nil
}

func (v *logVerdict) print(w io.Writer) {
	fmt.Fprintf(w, "node %s: %d segments, %d records, %d entries with %d commands, %d replicas, %d snapshots\n",
		v.NodeID, v.Segments, v.Records, v.Entries, v.Commands, v.Replicas, v.Snapshots)
	if v.Torn != nil {
		fmt.Fprintf(w, "segment %d offset %d, %d bytes: the end of the log, %s\n", v.Torn.Segment, v.Torn.Offset, v.Torn.Bytes, v.Torn.Reason)
	}
	for _, d := range v.Damage {
		fmt.Fprintln(w, describeDamage(&wal.DumpItem{Damage: &wal.Damage{Segment: d.Segment, Offset: d.Offset, Bytes: d.Bytes, Reason: d.Reason}}))
	}
	for _, text := range v.Undecodable {
		fmt.Fprintln(w, text)
	}
	for _, r := range v.Refused {
		fmt.Fprintf(w, "partition %d is refused: segment %d offset %d: %s\n", r.Partition, r.Segment, r.Offset, r.Reason)
	}
	if v.NodeState != "" {
		fmt.Fprintln(w, "the node's own state may be old:", v.NodeState)
	}
	if v.Unaccounted > 0 {
		fmt.Fprintf(w, "%d records are lost, and it is not known of which partitions\n", v.Unaccounted)
	}
	switch {
	case v.OK:
		fmt.Fprintln(w, "no damage")
	case len(v.Refused) > 0 || v.Unaccounted > 0 || v.NodeState != "":
		fmt.Fprintln(w, "DAMAGED: when the node starts, what is refused is made anew from the other copies")
	default:
		fmt.Fprintln(w, "DAMAGED, but nothing that is still needed is lost")
	}
}
