package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// writeLog makes a node's folder whose log has one entry with these commands.
func writeLog(t *testing.T, commands ...[]string) string {
	t.Helper()
	dir := t.TempDir()
	log, _, err := wal.Open(wal.Options{
		FS: vfs.OS{}, Dir: filepath.Join(dir, "log"), SnapshotDir: filepath.Join(dir, "snapshots"), NodeID: "test",
		SegmentBytes: 1 << 20, Fatal: func(err error) { t.Error(err) },
	})
	require.NoError(t, err)
	payload := command.AppendBatchHeader(nil, 1, 1, 0)
	for _, c := range commands {
		var args [][]byte
		for _, a := range c {
			args = append(args, []byte(a))
		}
		payload = command.AppendCommand(payload, args)
	}
	done := make(chan struct{})
	log.Append(
		&wal.Write{Partition: 3, Replica: 1, Create: []byte("first configuration")},
		&wal.Write{Partition: 3, Replica: 1, Entries: []wal.Entry{{Term: 2, Index: 1, Data: payload}}, Done: func() { close(done) }},
	)
	<-done
	require.NoError(t, log.Close())
	return dir
}

func TestDumpPrintsPutAndDel(t *testing.T) {
	dir := writeLog(t,
		[]string{"SET", "apple", "123"}, []string{"set", "a b", "line\nend", "PX", "100"}, []string{"MSET", "x", "1", "y", "2"},
		[]string{"DEL", "x", "y"}, []string{"RINGKV.EXPIRE", "a b"}, []string{"INCRBY", "n", "5"}, []string{"SET", "empty", ""},
	)
	want := strings.Join([]string{
		"PUT apple 123", `PUT "a b" "line\nend" PX 100`, "PUT x 1", "PUT y 2",
		"DEL x", "DEL y", `DEL "a b"`, "INCRBY n 5", `PUT empty ""`,
	}, "\n") + "\n"
	for _, place := range []string{dir, filepath.Join(dir, "log")} {
		out, err := runKvctl(t, "wal", "dump", place)
		require.NoError(t, err)
		require.Equal(t, want, out)
	}
	out, err := runKvctl(t, "wal", "dump", "--places", "--all", dir)
	require.NoError(t, err)
	require.Contains(t, out, "partition 3 term 2 index 1 PUT apple 123\n")
	require.Contains(t, out, "partition 3: create\n")

	out, err = runKvctl(t, "wal", "verify", dir)
	require.NoError(t, err)
	require.Contains(t, out, "1 entries with 9 commands, 0 snapshots: no damage\n")
}

func TestVerifyNamesDamage(t *testing.T) {
	dir := writeLog(t, []string{"SET", "apple", "123"})
	segments, err := filepath.Glob(filepath.Join(dir, "log", "*.wal"))
	require.NoError(t, err)
	content, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	at := strings.Index(string(content), "first configuration")
	require.Positive(t, at)
	content[at] ^= 1
	require.NoError(t, os.WriteFile(segments[0], content, 0o644))

	out, err := runKvctl(t, "wal", "verify", dir)
	require.ErrorIs(t, err, errReported, "%s", out)
	require.Regexp(t, `segment \d+ offset \d+, \d+ bytes: damaged`, out)
	out, err = runKvctl(t, "wal", "dump", dir)
	require.ErrorIs(t, err, errReported)
	require.Contains(t, out, "PUT apple 123", "what is behind the damage is still printed")
}

func TestNoLogIsAClearError(t *testing.T) {
	dir := t.TempDir()
	_, err := runKvctl(t, "wal", "verify", dir)
	require.ErrorContains(t, err, "there is no log in "+dir)
	_, err = runKvctl(t, "wal", "dump", filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
