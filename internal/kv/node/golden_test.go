package node

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/store"
	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/vfs/golden"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// goldenReplies is the file in a golden volume's archive with what a client saw.
const goldenReplies = "replies.json"

// smallLog keeps the archive small.
var smallLog = wal.Options{SegmentBytes: 64 << 10, ReserveBytes: 4 << 10}

// exchange is a command and its reply.
type exchange struct {
	Command []string
	Reply   []byte
}

// goldenWrites are commands of every kind that changes something. They are in the
// log of the golden volume, in the way this version encodes them.
var goldenWrites = [][]string{
	{"SET", "{a}plain", "value"}, {"SET", "{a}until", "v", "PXAT", "4102444800000"}, {"SETNX", "{a}plain", "no"},
	{"MSET", "{a}1", "one", "{b}2", "two", "{c}3", "three"}, {"GETSET", "{a}1", "uno"}, {"APPEND", "{a}1", "!"},
	{"SETRANGE", "{b}2", "5", "range"}, {"INCRBY", "{c}n", "41"}, {"INCR", "{c}n"}, {"INCRBYFLOAT", "{c}f", "1.5"},
	{"DECRBY", "{c}n", "2"}, {"SETBIT", "{d}bits", "17", "1"}, {"BITFIELD", "{d}field", "SET", "u8", "0", "200"},
	{"BITOP", "NOT", "{d}not", "{d}bits"}, {"SET", "{d}gone", "v"}, {"DEL", "{d}gone", "{a}nothing"},
	{"SET", "{d}taken", "v"}, {"GETDEL", "{d}taken"}, {"COPY", "{a}plain", "{a}copy"}, {"RENAME", "{a}copy", "{a}renamed"},
	{"PEXPIREAT", "{a}renamed", "4102444800001"}, {"GETEX", "{a}until", "PERSIST"}, {"MSETNX", "{b}x", "1", "{b}y", "2"},
}

// goldenReads show what became of them.
var goldenReads = [][]string{
	{"DBSIZE"}, {"MGET", "{a}plain", "{a}until", "{a}1", "{b}2", "{c}3", "{c}n", "{c}f", "{d}bits", "{d}field", "{d}not", "{d}gone",
		"{d}taken", "{a}copy", "{a}renamed", "{b}x", "{b}y", "{e}transaction", "{e}api", "{e}once"},
	{"PEXPIRETIME", "{a}until"}, {"PEXPIRETIME", "{a}renamed"},
}

// goldenVolume returns the volume of a node that has all four partitions of its
// cluster, each with a snapshot and entries behind it.
func goldenVolume(t *testing.T) []byte {
	s := seatOn(t, filepath.Join(t.TempDir(), "n1"))
	s.log = smallLog
	s.start()
	m := testMap([]*seat{s}, 4, 1)
	m.Settings.CompactionOperations = 60
	publish(t, m, s)
	waitReady(t, s)
	for round := range 2 {
		for i := range 400 {
			require.Equal(t, "+OK\r\n", s.do("SET", fmt.Sprintf("many-%d", i), fmt.Sprintf("value %d of round %d", i, round)))
		}
		require.Eventually(t, func() bool {
			files, err := filepath.Glob(filepath.Join(s.dir, snapshotDir, "*.snap"))
			return err == nil && len(files) == 4
		}, patience, 20*time.Millisecond)
		for _, w := range goldenWrites {
			require.NotContains(t, s.do(w...), "-ERR", w)
		}
		once := []command.Op{{Kind: command.OpIncrement, Key: []byte("{e}once"), Delta: 1}}
		s.call(command.WriteArgs(once, false, command.NewOnce("golden", once, false)))
	}
	require.Equal(t, "*2\r\n+OK\r\n:7\r\n", s.exec(s.watch("{e}transaction"), "SET {e}transaction 5", "INCRBY {e}transaction 2"))
	s.call(command.WriteArgs([]command.Op{{Kind: command.OpPut, Key: []byte("{e}api"), Value: []byte("put"), IfAbsent: true}}, true, nil))
	reads := goldenReads
	for i := range 400 {
		reads = append(reads, []string{"GET", fmt.Sprintf("many-%d", i)})
	}
	var seen []exchange
	for _, r := range reads {
		seen = append(seen, exchange{Command: r, Reply: []byte(s.do(r...))})
	}
	dir := s.dir
	s.stop()
	b, err := json.Marshal(seen)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, goldenReplies), b, 0o644))
	return golden.Pack(t, dir)
}

func TestVolumesOfAllVersionsAreServed(t *testing.T) {
	golden.Read(t, "volume.tgz", goldenVolume, func(t *testing.T, content []byte) {
		s := seatOn(t, golden.Unpack(t, content))
		s.log = smallLog
		b, err := os.ReadFile(filepath.Join(s.dir, goldenReplies))
		require.NoError(t, err)
		var seen []exchange
		require.NoError(t, json.Unmarshal(b, &seen))
		require.NotEmpty(t, seen)
		for range 2 { // the second time it is this version's own
			s.start()
			waitReady(t, s)
			status, err := s.node.Status(t.Context())
			require.NoError(t, err)
			require.Empty(t, status.Problems)
			for _, r := range status.Replicas {
				require.Equal(t, cluster.ReplicaRunning, r.State, r.Reason)
			}
			for _, e := range seen {
				require.Equal(t, string(e.Reply), s.do(e.Command...), e.Command)
			}
			require.Equal(t, "+OK\r\n", s.do("SET", "{a}until", "v"))
			s.stop()
		}
	})
}

// TestAVolumeOfALaterVersionIsLeftAlone: what a later version wrote is whole, so its
// replicas are not refused, which would have them replaced; the node does not start.
func TestAVolumeOfALaterVersionIsLeftAlone(t *testing.T) {
	s := seatOn(t, filepath.Join(t.TempDir(), "n1"))
	s.log = smallLog
	s.start()
	publish(t, testMap([]*seat{s}, 1, 1), s)
	waitReady(t, s)
	options := s.node.logOptions(nil)
	s.stop()

	log, found, err := wal.Open(options)
	require.NoError(t, err)
	ref := *found.Replicas[0].Snapshot
	ref.Index, ref.File = found.Replicas[0].Last, "later.snap"
	w, err := wal.CreateSnapshotFile(vfs.OS{}, options.SnapshotDir, ref.File)
	require.NoError(t, err)
	_, err = w.Write(append([]byte("RKVSTATE\xff"), make([]byte, 31)...)) // format 255
	require.NoError(t, err)
	ref.Size, ref.CRC, err = w.Commit()
	require.NoError(t, err)
	log.Append(&wal.Write{Partition: 0, Replica: found.Replicas[0].Replica, Snapshot: &ref})
	require.NoError(t, log.Close())

	_, err = Open(Options{FS: vfs.OS{}, Dir: s.dir, Log: smallLog, Logger: slog.New(slog.DiscardHandler)})
	require.ErrorIs(t, err, store.ErrLaterFormat)
	require.ErrorContains(t, err, "load snapshot later.snap: restore snapshot: it has format 255, this program reads up to ")
}

func TestAnIdentityOfALaterVersionIsLeftAlone(t *testing.T) {
	s := newSeat(t, "n1")
	later := identity{FormatVersion: formatVersion + 1, NodeID: s.node.ID()}
	s.stop()
	require.NoError(t, writeJSON(vfs.OS{}, s.dir, identityFile, later))
	_, err := Open(Options{FS: vfs.OS{}, Dir: s.dir, Logger: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "use the kvnode that wrote it, or a newer one")
}
