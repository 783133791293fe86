package node

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// patience is longer than anything takes on a busy machine.
const patience = time.Minute

// seat is one node of a test cluster, on the loopback interface.
type seat struct {
	t    testing.TB
	name string
	dir  string
	port int
	log  wal.Options
	node *Node
	http *http.Server
}

func newSeat(t testing.TB, name string) *seat {
	s := seatOn(t, filepath.Join(t.TempDir(), name))
	s.start()
	return s
}

// seatOn returns a seat with a volume, named after its folder, that is not started.
func seatOn(t testing.TB, dir string) *seat {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &seat{t: t, name: filepath.Base(dir), dir: dir, port: l.Addr().(*net.TCPAddr).Port}
	require.NoError(t, l.Close())
	t.Cleanup(s.stop)
	return s
}

func (s *seat) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *seat) clusterAddress() string { return s.name + ".kv:6380" }

func (s *seat) start() {
	n, err := Open(Options{
		FS: vfs.OS{}, Dir: s.dir, Name: s.name, PeerAddress: s.address(), RESPAddress: s.name + ":6379", ClusterAddress: s.clusterAddress(), Log: s.log,
		CallTimeout: patience, // an election may take its time on a busy machine
		Logger:      slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	require.NoError(s.t, err)
	var l net.Listener
	require.Eventually(s.t, func() bool { // the port may be another's for a moment
		l, err = net.Listen("tcp", s.address())
		return err == nil
	}, patience, time.Millisecond, "%s", s.address())
	mux := http.NewServeMux()
	mux.Handle("/peer/", n.Transport().Handler())
	s.node, s.http = n, &http.Server{Handler: mux}
	go s.http.Serve(l) //nolint:errcheck // ends with Close
}

// stop ends the node without any farewell, as a crash would.
func (s *seat) stop() {
	if s.node == nil {
		return
	}
	s.http.Close()
	require.NoError(s.t, s.node.Close())
	s.node = nil
}

// stopNoticed stops the node and waits until others have noticed it: a write that they
// send to it before has an unknown outcome.
func (s *seat) stopNoticed(others ...*seat) {
	id := s.node.ID()
	s.stop()
	for _, o := range others {
		require.Eventually(s.t, func() bool { return !o.node.Transport().Linked(id) }, patience, time.Millisecond)
	}
}

func startCluster(t testing.TB, nodes, partitions, rf int) []*seat {
	seats := make([]*seat, nodes)
	for i := range seats {
		seats[i] = newSeat(t, fmt.Sprintf("n%d", i+1))
	}
	m := testMap(seats, partitions, rf)
	publish(t, m, seats...)
	waitReady(t, seats...)
	return seats
}

func testMap(seats []*seat, partitions, rf int) *cluster.Map {
	m := &cluster.Map{
		ClusterID: cluster.NewClusterID(), Epoch: 1, Revision: 1, Partitions: partitions, VirtualNodes: 128,
		ReplicationFactor: rf, Settings: cluster.DefaultSettings(),
	}
	for _, s := range seats {
		m.Members = append(m.Members, cluster.Member{ID: s.node.ID(), Name: s.name, State: cluster.MemberActive,
			PeerAddress: s.address(), ClusterAddress: s.clusterAddress()})
	}
	m.Initial = spread(seats, partitions, rf)
	return m
}

// spread puts the first replicas on all seats in turn.
func spread(seats []*seat, partitions, rf int) [][]cluster.Replica {
	var out [][]cluster.Replica
	for p := range partitions {
		var initial []cluster.Replica
		for i := range rf {
			initial = append(initial, cluster.Replica{ID: uint64(i + 1), Node: seats[(p+i)%len(seats)].node.ID()})
		}
		out = append(out, initial)
	}
	return out
}

func publish(t testing.TB, m *cluster.Map, seats ...*seat) {
	t.Helper()
	for _, s := range seats {
		require.NoError(t, s.node.PublishMap(context.Background(), m))
	}
}

func waitReady(t testing.TB, seats ...*seat) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, s := range seats {
			if ok, _ := s.node.Ready(); !ok {
				return false
			}
		}
		return true
	}, patience, 20*time.Millisecond)
}

func (s *seat) do(args ...string) string { return s.submit(s.newCall(args...)) }

// askedByCluster executes a command of a cluster client.
func (s *seat) askedByCluster(args ...string) string {
	c := s.newCall(args...)
	c.Cluster = true
	return s.submit(c)
}

func (s *seat) newCall(args ...string) *command.Call {
	raw := make([][]byte, len(args))
	for i, a := range args {
		raw[i] = []byte(a)
	}
	spec := command.Executable(raw)
	require.NotNil(s.t, spec, args[0])
	return command.NewCall(spec, raw, 2)
}

func (s *seat) submit(c *command.Call) string {
	s.node.Submit([]*command.Call{c})
	select {
	case <-c.Done():
	case <-time.After(2 * patience):
		s.t.Fatalf("%q was not answered", c.Args)
	}
	return string(c.Wait())
}

func bulk(v string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(v), v) }

func TestAnyNodeServesAnyKey(t *testing.T) {
	seats := startCluster(t, 3, 8, 3)
	for i := range 50 {
		key := fmt.Sprintf("key-%d", i)
		require.Equal(t, "+OK\r\n", seats[i%3].do("SET", key, key+"!"))
		for _, s := range seats {
			require.Equal(t, bulk(key+"!"), s.do("GET", key))
		}
	}
	require.Equal(t, ":50\r\n", seats[1].do("DBSIZE"))
	require.Equal(t, ":3\r\n", seats[2].do("DEL", "key-1", "key-2", "key-3", "nothing"))
	require.Equal(t, "*2\r\n$-1\r\n"+bulk("key-4!"), seats[0].do("MGET", "key-1", "key-4"))
}

func TestWritesGoOnAndNothingIsLostWhenANodeDies(t *testing.T) {
	seats := startCluster(t, 3, 8, 3)
	for i := range 50 {
		require.Equal(t, "+OK\r\n", seats[0].do("SET", fmt.Sprintf("key-%d", i), "before"))
	}
	seats[2].stopNoticed(seats[:2]...)
	for i := range 50 {
		require.Equal(t, bulk("before"), seats[0].do("GET", fmt.Sprintf("key-%d", i)))
		require.Equal(t, "+OK\r\n", seats[1].do("SET", fmt.Sprintf("key-%d", i), "after"))
	}
	seats[2].start()
	waitReady(t, seats[2])
	for i := range 50 {
		require.Equal(t, bulk("after"), seats[2].do("GET", fmt.Sprintf("key-%d", i)))
	}
}

func TestAClusterThatStoppedAsAWholeComesBackWithItsData(t *testing.T) {
	seats := startCluster(t, 3, 8, 3)
	for i := range 50 {
		require.Equal(t, "+OK\r\n", seats[0].do("SET", fmt.Sprintf("key-%d", i), strconv.Itoa(i)))
	}
	for range 3 {
		for _, s := range seats {
			s.stop()
		}
		for _, s := range seats {
			s.start()
		}
		waitReady(t, seats...)
		for i := range 50 {
			require.Equal(t, bulk(strconv.Itoa(i)), seats[1].do("GET", fmt.Sprintf("key-%d", i)))
		}
	}
}

func TestWithoutAQuorumAWriteIsRefusedAndNotExecutedLater(t *testing.T) {
	seats := startCluster(t, 3, 1, 3)
	for _, s := range seats {
		s.node.callTimeout = 3 * time.Second
	}
	seats[1].stop()
	seats[2].stop()
	require.Eventually(t, func() bool { ok, _ := seats[0].node.Ready(); return !ok }, patience, 20*time.Millisecond)
	require.Contains(t, seats[0].do("SET", "k", "v"), "-CLUSTERDOWN")
	seats[1].start()
	waitReady(t, seats[0], seats[1])
	require.Equal(t, "$-1\r\n", seats[1].do("GET", "k"))
}

func TestANodeThatLeftTheMapServesItsClientsUntilItEnds(t *testing.T) {
	seats := []*seat{newSeat(t, "n1"), newSeat(t, "n2"), newSeat(t, "n3"), newSeat(t, "n4")}
	m := testMap(seats, 8, 3)
	m.Initial = spread(seats[:3], 8, 3)
	publish(t, m, seats...)
	waitReady(t, seats...)
	require.Equal(t, "+OK\r\n", seats[3].do("SET", "k", "v"))

	m = m.Clone()
	m.Epoch, m.Revision, m.Members = 2, 2, m.Members[:3]
	publish(t, m, seats[:3]...)
	for i := range 20 {
		require.Equal(t, "+OK\r\n", seats[3].do("SET", fmt.Sprintf("key-%d", i), "v"))
	}
	require.Equal(t, bulk("v"), seats[3].do("GET", "k"))
}
