package main

import (
	"encoding/json"
	"io/fs"
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
	require.Contains(t, out, "1 entries with 9 commands, 1 replicas, 0 snapshots\n")
	require.Contains(t, out, "no damage\n")
}

// spoil changes a bit of the first segment, where text begins.
func spoil(t *testing.T, dir, text string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "log", "*.wal"))
	require.NoError(t, err)
	content, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	at := strings.Index(string(content), text)
	require.Positive(t, at)
	content[at] ^= 1
	require.NoError(t, os.WriteFile(segments[0], content, 0o644))
}

func TestVerifyNamesDamageAndThePartitionsThatItCosts(t *testing.T) {
	dir := writeLog(t, []string{"SET", "apple", "123"})
	spoil(t, dir, "first configuration")
	out, err := runKvctl(t, "wal", "verify", dir)
	require.ErrorIs(t, err, errReported, "%s", out)
	require.Regexp(t, `segment \d+ offset \d+, \d+ bytes: damaged`, out)
	require.Regexp(t, `partition 3 is refused: segment \d+ offset \d+: `, out)
	require.Contains(t, out, "DAMAGED: ")
	out, err = runKvctl(t, "wal", "verify", "-o", "json", dir)
	require.ErrorIs(t, err, errReported)
	var v logVerdict
	require.NoError(t, json.Unmarshal([]byte(out), &v))
	require.False(t, v.OK)
	require.EqualValues(t, 3, v.Refused[0].Partition)
	require.NotZero(t, v.Damage[0].Bytes)

	out, err = runKvctl(t, "wal", "dump", dir)
	require.ErrorIs(t, err, errReported)
	require.Contains(t, out, "PUT apple 123", "what is behind the damage is still printed")
}

func TestVerifyChangesNothing(t *testing.T) {
	dir := writeLog(t, []string{"SET", "apple", "123"}, []string{"DEL", "apple"})
	spoil(t, dir, "apple")
	read := func() map[string]string {
		files := map[string]string{}
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				content, err := os.ReadFile(path)
				files[path] = string(content)
				return err
			}
			return err
		}))
		return files
	}
	before := read()
	for range 2 {
		_, err := runKvctl(t, "wal", "verify", dir)
		require.ErrorIs(t, err, errReported)
	}
	require.Equal(t, before, read())
}

func TestVerifyReadsSnapshotsToo(t *testing.T) {
	dir := t.TempDir()
	snapshots := filepath.Join(dir, "snapshots")
	log, _, err := wal.Open(wal.Options{
		FS: vfs.OS{}, Dir: filepath.Join(dir, "log"), SnapshotDir: snapshots, NodeID: "test", SegmentBytes: 1 << 20,
		Fatal: func(err error) { t.Error(err) },
	})
	require.NoError(t, err)
	w, err := wal.CreateSnapshotFile(vfs.OS{}, snapshots, "p3-5")
	require.NoError(t, err)
	_, err = w.Write([]byte(strings.Repeat("what the partition holds", 1000)))
	require.NoError(t, err)
	size, crc, err := w.Commit()
	require.NoError(t, err)
	done := make(chan struct{})
	log.Append(
		&wal.Write{Partition: 3, Replica: 1, Create: []byte("first configuration")},
		&wal.Write{Partition: 3, Replica: 1, Snapshot: &wal.SnapshotRef{File: "p3-5", Index: 5, Term: 1, Size: size, CRC: crc}, Done: func() { close(done) }},
	)
	<-done
	require.NoError(t, log.Close())
	out, err := runKvctl(t, "wal", "verify", dir)
	require.NoError(t, err, "%s", out)
	require.Contains(t, out, "1 replicas, 1 snapshots\nno damage\n")

	name := filepath.Join(snapshots, "p3-5")
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(name, content, 0o644))
	out, err = runKvctl(t, "wal", "verify", dir)
	require.ErrorIs(t, err, errReported)
	require.Regexp(t, `partition 3 is refused: .*snapshot p3-5`, out)
}

func TestALogInUseIsNotVerified(t *testing.T) {
	dir := t.TempDir()
	log, _, err := wal.Open(wal.Options{
		FS: vfs.OS{}, Dir: filepath.Join(dir, "log"), SnapshotDir: filepath.Join(dir, "snapshots"), NodeID: "test", SegmentBytes: 1 << 20,
		Fatal: func(err error) { t.Error(err) },
	})
	require.NoError(t, err)
	_, err = runKvctl(t, "wal", "verify", dir)
	require.Error(t, err)
	require.NotErrorIs(t, err, errReported)
	require.NoError(t, log.Close())
}

func TestNoLogIsAClearError(t *testing.T) {
	dir := t.TempDir()
	_, err := runKvctl(t, "wal", "verify", dir)
	require.ErrorContains(t, err, "there is no log in "+dir)
	_, err = runKvctl(t, "wal", "dump", filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
