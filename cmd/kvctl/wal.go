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
	cmd.AddCommand(dump, newWALVerifyCommand())
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
