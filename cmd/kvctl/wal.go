package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

func newWALCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wal",
		Short: "Look into the write-ahead log of a node",
		Long: `Look into the write-ahead log of a node.

DIR is a node's folder, its --dir, or the log folder in that. Nothing is changed;
of a log that is in use the newest records may be seen half written.`,
	}
	var places, all bool
	dump := &cobra.Command{
		Use:   "dump DIR",
		Short: "Print a log as PUT key value and DEL key",
		Long: `Print a log as PUT key value and DEL key, one line for each command, in the order
of the log. Other commands are printed by their name. Keys and values with unusual
characters are quoted.

Lines that begin with # are about the log itself. What was compacted is in the
snapshot files and not in the log; the last entries of a log may not be committed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := findLog(args[0])
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			err = dumpLog(out, l, places, all)
			if flushed := out.Flush(); err == nil {
				err = flushed
			}
			return err
		},
	}
	dump.Flags().BoolVarP(&places, "places", "p", false, "say for each line where it is: segment, offset, partition, term, index")
	dump.Flags().BoolVarP(&all, "all", "a", false, "print records that carry no command, too")
	verify := &cobra.Command{
		Use:   "verify DIR",
		Short: "Read a whole log and its snapshots, and say what is damaged",
		Long: `Read a whole log and its snapshots, and say what is damaged.

The exit code is 1 if anything is. A write at the end that did not finish is no
damage: a crash leaves one behind.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := findLog(args[0])
			if err != nil {
				return err
			}
			return verifyLog(cmd.OutOrStdout(), l)
		},
	}
	cmd.AddCommand(dump, verify)
	return cmd
}

// logFolders are where a node has its log and its snapshots.
type logFolders struct{ log, snapshots string }

// findLog finds the folders from any of the folders around them.
func findLog(dir string) (logFolders, error) {
	if info, err := os.Stat(dir); err != nil {
		return logFolders{}, err
	} else if !info.IsDir() {
		return logFolders{}, fmt.Errorf("%s is no folder", dir)
	}
	for _, log := range []string{filepath.Join(dir, "log"), filepath.Join(dir, "data", "log"), dir} {
		if segments, err := filepath.Glob(filepath.Join(log, "*.wal")); err == nil && len(segments) > 0 {
			return logFolders{log: log, snapshots: filepath.Join(filepath.Dir(log), "snapshots")}, nil
		}
	}
	return logFolders{}, fmt.Errorf("there is no log in %s", dir)
}

// dumpLog prints what is in the log. It returns errReported if some of it is
// damaged.
func dumpLog(out io.Writer, l logFolders, places, all bool) error {
	var damaged bool
	for item, err := range wal.Dump(vfs.OS{}, l.log) {
		if err != nil {
			return err
		}
		if item.Damage != nil {
			damaged = damaged || !item.Torn
			fmt.Fprintf(out, "# %s\n", describeDamage(&item))
			continue
		}
		r := &item.Record
		prefix := ""
		if places {
			prefix = placeOf(r) + " "
		}
		lines, err := commandLines(r)
		if err != nil {
			damaged = true
			fmt.Fprintf(out, "# %s: %v\n", placeOf(r), err)
			continue
		}
		if lines == nil && all {
			fmt.Fprintf(out, "# %s\n", describeRecord(r))
		}
		for _, line := range lines {
			fmt.Fprintf(out, "%s%s\n", prefix, line)
		}
	}
	if damaged {
		return errReported
	}
	return nil
}

// verifyLog prints a summary, and what is damaged. It returns errReported if
// anything is.
func verifyLog(out io.Writer, l logFolders) error {
	var records, entries, commands, damaged int
	segments := make(map[uint64]bool)
	snapshots := make(map[uint32]*wal.SnapshotRef) // the last ones
	damage := func(format string, args ...any) {
		damaged++
		fmt.Fprintf(out, format+"\n", args...)
	}
	for item, err := range wal.Dump(vfs.OS{}, l.log) {
		switch {
		case err != nil:
			return err
		case item.Torn:
			fmt.Fprintln(out, describeDamage(&item))
			continue
		case item.Damage != nil:
			damage("%s", describeDamage(&item))
			continue
		}
		r := &item.Record
		records++
		segments[r.Segment] = true
		if r.Type == wal.TypeEntry {
			entries++
		}
		lines, err := commandLines(r)
		if err != nil {
			damage("%s: %v", placeOf(r), err)
		}
		commands += len(lines)
		noteSnapshot(snapshots, r, damage)
	}
	for partition, ref := range snapshots {
		if err := verifySnapshot(l.snapshots, ref); err != nil {
			damage("snapshot of partition %d: %v", partition, err)
		}
	}
	fmt.Fprintf(out, "%d segments, %d records, %d entries with %d commands, %d snapshots: ", len(segments), records, entries, commands, len(snapshots))
	if damaged > 0 {
		fmt.Fprintf(out, "%d places damaged\n", damaged)
		return errReported
	}
	fmt.Fprintln(out, "no damage")
	return nil
}

// noteSnapshot keeps which snapshot file each partition refers to.
func noteSnapshot(snapshots map[uint32]*wal.SnapshotRef, r *wal.Record, damage func(string, ...any)) {
	switch r.Type {
	case wal.TypeCreate, wal.TypeTombstone:
		delete(snapshots, r.Partition)
	case wal.TypeSnapshot, wal.TypeCheckpoint:
		ref, err := r.DumpSnapshot()
		switch {
		case err != nil:
			damage("%s: %v", placeOf(r), err)
		case ref != nil && ref.File != "": // without a file: an empty beginning
			snapshots[r.Partition] = ref
		default:
			delete(snapshots, r.Partition)
		}
	}
}

// verifySnapshot reads the whole file: every block has a checksum.
func verifySnapshot(dir string, ref *wal.SnapshotRef) error {
	info, err := os.Stat(filepath.Join(dir, ref.File))
	if err != nil {
		return err
	}
	if info.Size() != ref.Size {
		return fmt.Errorf("%s has %d bytes, the log says %d", ref.File, info.Size(), ref.Size)
	}
	r, err := wal.OpenSnapshotFile(vfs.OS{}, dir, ref.File)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}
