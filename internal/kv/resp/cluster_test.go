package resp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

const (
	firstID  = "1111111111111111111111111111111111111111"
	secondID = "2222222222222222222222222222222222222222"
	thirdID  = "3333333333333333333333333333333333333333"
)

// fakeCluster is a cluster as a node would describe it.
type fakeCluster struct {
	topology atomic.Pointer[node.Topology]
	health   node.SlotHealth
	links    []node.Link
}

func (f *fakeCluster) Topology() *node.Topology    { return f.topology.Load() }
func (f *fakeCluster) SlotHealth() node.SlotHealth { return f.health }
func (f *fakeCluster) Links() []node.Link          { return f.links }

// Moved: the second node leads what the third is asked for.
func (f *fakeCluster) Moved(slot uint16, a command.Audience) string {
	if slot != 100 {
		return ""
	}
	to := f.Topology().Nodes[1].For(a)
	return fmt.Sprintf("MOVED 100 %s:%d", to.Host, to.Port)
}

// at gives a node its address inside.
func at(e node.Endpoint, host string, port int) node.Endpoint {
	e.PeerPort = 7000
	e.At[command.Inside] = node.Address{Host: host, Port: port}
	return e
}

// threeNodes is a cluster of which the third node, which answers, leads nothing.
func threeNodes() *fakeCluster {
	f := &fakeCluster{health: node.SlotHealth{OK: 16384}}
	f.topology.Store(&node.Topology{
		Epoch: 7,
		Self:  2,
		Nodes: []node.Endpoint{
			at(node.Endpoint{ID: firstID}, "kv-0.kv", 6380),
			at(node.Endpoint{ID: secondID}, "kv-1.kv", 6380),
			at(node.Endpoint{ID: thirdID}, "kv-2.kv", 6381),
		},
		Ranges: []node.SlotRange{{First: 0, Last: 99, Leader: 0}, {First: 100, Last: 100, Leader: 1}, {First: 101, Last: 16383, Leader: 0}},
	})
	return f
}

// startBoth serves a listener of each kind.
func startBoth(t *testing.T, b Backend, cluster Cluster) (plain, clustered string) {
	s, plain := start(t, b, Options{Cluster: cluster})
	return plain, serveCluster(t, s, command.Inside, nil)
}

// serveCluster serves one more listener of cluster clients, with TLS if it is given.
func serveCluster(t *testing.T, s *Server, a command.Audience, secure *tls.Config) (address string) {
	return serveMore(t, s, secure, func(l net.Listener) error { return s.ServeCluster(l, a) })
}

// serveMore serves one more listener until the test ends, with TLS if it is given.
func serveMore(t *testing.T, s *Server, secure *tls.Config, serve func(net.Listener) error) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	served := make(chan error, 1)
	go func() { served <- serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
		require.NoError(t, <-served)
	})
	return l.Addr().String()
}

func TestClusterSlotsNamesLeadersOnlyAndNoEmptyHost(t *testing.T) {
	_, address := startBoth(t, newFake(), threeNodes())
	c := dial(t, address)
	first := "$7\r\nkv-0.kv\r\n:6380\r\n$40\r\n" + firstID + "\r\n"
	second := "$7\r\nkv-1.kv\r\n:6380\r\n$40\r\n" + secondID + "\r\n"
	slots := func(metadata string) string {
		return "*3\r\n" +
			"*3\r\n:0\r\n:99\r\n*4\r\n" + first + metadata +
			"*3\r\n:100\r\n:100\r\n*4\r\n" + second + metadata +
			"*3\r\n:101\r\n:16383\r\n*4\r\n" + first + metadata
	}
	c.do("CLUSTER SLOTS", slots("*0\r\n"))
	c.do("CLUSTER SLOTS", slots("*0\r\n"))
	c.send("HELLO 3\r\n")
	_, err := readReply(c.in, false)
	require.NoError(t, err)
	c.do("CLUSTER SLOTS", slots("%0\r\n"))
}

func TestClusterNodesShowsEveryNodeAsAMasterAndWhoAnswersAsMyself(t *testing.T) {
	_, address := startBoth(t, newFake(), threeNodes())
	text := firstID + " kv-0.kv:6380@7000 master - 0 0 7 connected 0-99 101-16383\n" +
		secondID + " kv-1.kv:6380@7000 master - 0 0 7 connected 100\n" +
		thirdID + " kv-2.kv:6381@7000 myself,master - 0 0 7 connected\n"
	c := dial(t, address)
	c.do("CLUSTER NODES", bulkOf(text))
	c.do("CLUSTER MYID", bulkOf(thirdID))
	c.do("CLUSTER REPLICAS "+firstID, "*0\r\n")
	c.do("CLUSTER SLAVES "+strings.Repeat("4", 40), "-ERR Unknown node "+strings.Repeat("4", 40)+"\r\n")
	c.do("CLUSTER COUNT-FAILURE-REPORTS "+secondID, ":0\r\n")
}

func bulkOf(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

func TestClusterShardsCoversAllSlotsOnce(t *testing.T) {
	_, address := startBoth(t, newFake(), threeNodes())
	c := dial(t, address)
	shard := func(slots, id, host, port string) string {
		return "*4\r\n$5\r\nslots\r\n" + slots + "$5\r\nnodes\r\n*1\r\n*14\r\n" +
			"$2\r\nid\r\n" + bulkOf(id) + "$8\r\nendpoint\r\n" + bulkOf(host) + "$2\r\nip\r\n" + bulkOf(host) +
			"$4\r\nrole\r\n$6\r\nmaster\r\n$6\r\nhealth\r\n$6\r\nonline\r\n$4\r\nport\r\n:" + port + "\r\n$18\r\nreplication-offset\r\n:7\r\n"
	}
	c.do("CLUSTER SHARDS", "*3\r\n"+
		shard("*4\r\n:0\r\n:99\r\n:101\r\n:16383\r\n", firstID, "kv-0.kv", "6380")+
		shard("*2\r\n:100\r\n:100\r\n", secondID, "kv-1.kv", "6380")+
		shard("*0\r\n", thirdID, "kv-2.kv", "6381"))
}

func TestClusterRepliesFollowTheTopology(t *testing.T) {
	cluster := threeNodes()
	_, address := startBoth(t, newFake(), cluster)
	c := dial(t, address)
	c.send("CLUSTER NODES\r\n")
	before, err := readReply(c.in, false)
	require.NoError(t, err)
	after := *cluster.topology.Load()
	after.Epoch, after.Ranges = 8, []node.SlotRange{{First: 0, Last: 16383, Leader: 2}}
	cluster.topology.Store(&after)
	c.send("CLUSTER NODES\r\n")
	reply, err := readReply(c.in, false)
	require.NoError(t, err)
	require.NotEqual(t, before, reply)
	require.Contains(t, reply, "myself,master - 0 0 8 connected 0-16383\n")
}

func TestTheReplyIsEncodedOnceForEveryTopologyAndProtocol(t *testing.T) {
	var replies topologyReplies
	encoded := 0
	encode := func(topology *node.Topology, _ viewer, r *command.Reply) {
		encoded++
		r.Map(int(topology.Epoch))
	}
	ask := func(topology *node.Topology, name string, proto uint8) string {
		r := command.Reply{Proto: proto}
		replies.get(topology, name, viewer{}, &r, encode)
		return string(r.Buf)
	}
	first, second := &node.Topology{Epoch: 1}, &node.Topology{Epoch: 2}
	for range 3 {
		require.Equal(t, "*2\r\n", ask(first, "slots", 2))
		require.Equal(t, "%1\r\n", ask(first, "slots", 3))
		require.Equal(t, "%1\r\n", ask(first, "shards", 3))
	}
	require.Equal(t, 3, encoded)
	require.Equal(t, "*4\r\n", ask(second, "slots", 2))
	require.Equal(t, 4, encoded)
}

func TestClusterInfoSaysWhatClientsLookFor(t *testing.T) {
	cluster := threeNodes()
	cluster.health = node.SlotHealth{OK: 16000, Suspected: 384}
	plain, address := startBoth(t, newFake(), cluster)
	c := dial(t, address)
	c.do("CLUSTER INFO", bulkOf("cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16000\r\n"+
		"cluster_slots_pfail:384\r\ncluster_slots_fail:0\r\ncluster_known_nodes:3\r\ncluster_size:2\r\n"+
		"cluster_current_epoch:7\r\ncluster_my_epoch:7\r\n"))
	info := infoOf(t, c, "")
	require.Contains(t, info, "redis_mode:cluster\r\n")
	require.Contains(t, info, "# Cluster\r\ncluster_enabled:1\r\n")
	info = infoOf(t, dial(t, plain), "")
	require.Contains(t, info, "redis_mode:standalone\r\n")
	require.Contains(t, info, "# Cluster\r\ncluster_enabled:0\r\n")
}

func TestClusterStateFailsWhenSlotsHaveLongHadNoLeader(t *testing.T) {
	cluster := threeNodes()
	cluster.health = node.SlotHealth{OK: 16000, Failed: 384}
	_, address := startBoth(t, newFake(), cluster)
	c := dial(t, address)
	c.send("CLUSTER INFO\r\n")
	reply, err := readReply(c.in, false)
	require.NoError(t, err)
	require.Contains(t, reply, "cluster_state:fail\r\n")
}

func TestANodeWithoutAClusterPublishesNoHoles(t *testing.T) {
	cluster := &fakeCluster{}
	cluster.topology.Store(&node.Topology{Nodes: []node.Endpoint{at(node.Endpoint{ID: firstID}, "kv-0.kv", 6380)}})
	_, address := startBoth(t, newFake(), cluster)
	c := dial(t, address)
	for _, name := range []string{"SLOTS", "SHARDS", "NODES"} {
		c.do("CLUSTER "+name, "-"+errNoCluster+"\r\n")
	}
	c.do("CLUSTER MYID", bulkOf(firstID))
}

func TestThePlainPortHasNoClusterSupport(t *testing.T) {
	plain, _ := startBoth(t, newFake(), threeNodes())
	c := dial(t, plain)
	for _, line := range []string{"CLUSTER SLOTS", "CLUSTER KEYSLOT k", "CLUSTER COUNTKEYSINSLOT 1", "CLUSTER MEET h 1", "CLUSTER HELP", "ASKING"} {
		c.do(line, "-ERR This instance has cluster support disabled\r\n")
	}
	c.do("CLUSTER NOPE", "-ERR unknown subcommand 'NOPE'. Try CLUSTER HELP.\r\n")
	c.do("READONLY", "+OK\r\n")
}

func TestCommandsThatWouldChangeTheClusterNameTheToolThatDoes(t *testing.T) {
	_, address := startBoth(t, newFake(), threeNodes())
	c := dial(t, address)
	for _, line := range []string{
		"MEET h 1", "FORGET " + firstID, "ADDSLOTS 1", "ADDSLOTSRANGE 1 2", "DELSLOTS 1", "DELSLOTSRANGE 1 2", "SETSLOT 1 NODE " + firstID,
		"FAILOVER", "FAILOVER FORCE", "RESET HARD", "REPLICATE " + firstID, "FLUSHSLOTS", "BUMPEPOCH", "SAVECONFIG", "SET-CONFIG-EPOCH 1",
	} {
		c.send("CLUSTER " + line + "\r\n")
		reply, err := readReply(c.in, false)
		require.NoError(t, err)
		require.Regexp(t, `^-ERR CLUSTER [A-Z-]+ is not supported: .*kubectl.*kvctl`, reply)
	}
	c.do("ASKING", "+OK\r\n")
}

func TestCallsKnowTheKindOfTheirListener(t *testing.T) {
	b := newFake()
	var cluster, readAny atomic.Bool
	b.before = func(c *command.Call) { cluster.Store(c.Cluster); readAny.Store(c.ReadAny) }
	plain, clustered := startBoth(t, b, threeNodes())
	for address, want := range map[string]bool{plain: false, clustered: true} {
		c := dial(t, address)
		c.do("SET k v", "+OK\r\n")
		require.Equal(t, want, cluster.Load())
		require.False(t, readAny.Load())
		c.do("READONLY", "+OK\r\n")
		c.do("GET k", "$1\r\nv\r\n")
		require.True(t, readAny.Load())
		c.do("READWRITE", "+OK\r\n")
		c.do("GET k", "$1\r\nv\r\n")
		require.False(t, readAny.Load())
	}
}

func TestACommandOfAnotherNodeIsRefusedWhenItIsQueued(t *testing.T) {
	_, address := startBoth(t, newFake(), threeNodes())
	c := dial(t, address)
	elsewhere := keyOfSlot(100)
	c.do("MULTI", "+OK\r\n")
	c.do("SET foo v", "+QUEUED\r\n")
	c.do("SET "+elsewhere+" v", "-MOVED 100 kv-1.kv:6380\r\n")
	c.do("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
	c.do("EXISTS foo", ":0\r\n")
}

func keyOfSlot(slot uint16) string {
	for i := 0; ; i++ {
		if key := fmt.Sprintf("key-%d", i); ring.Slot([]byte(key)) == slot {
			return key
		}
	}
}

func TestHelloSaysWhichKindOfListenerItIs(t *testing.T) {
	plain, clustered := startBoth(t, newFake(), threeNodes())
	for address, want := range map[string]string{plain: "$10\r\nstandalone\r\n", clustered: "$7\r\ncluster\r\n"} {
		c := dial(t, address)
		c.send("HELLO 3\r\n")
		reply, err := readReply(c.in, false)
		require.NoError(t, err)
		require.Contains(t, reply, "$4\r\nmode\r\n"+want)
	}
}

// Known slots, as Redis computes them.
func TestKeySlotIsThatOfRedis(t *testing.T) {
	_, address := startBoth(t, newFake(), threeNodes())
	c := dial(t, address)
	for key, slot := range map[string]string{"foo": "12182", "bar": "5061", "{foo}.x": "12182", "foo{}{bar}": "8363", "123456789": "12739"} {
		c.do("CLUSTER KEYSLOT "+key, ":"+slot+"\r\n")
	}
}

func TestKeysInSlot(t *testing.T) {
	_, address := startBoth(t, newFake(), threeNodes())
	c := dial(t, address)
	c.do("MSET {foo}1 v {bar}1 v", "+OK\r\n")
	c.do("SET {foo}2 v PX 1", "+OK\r\n")
	c.do("CLUSTER COUNTKEYSINSLOT 5061", ":1\r\n")
	require.Eventually(t, func() bool {
		c.send("CLUSTER COUNTKEYSINSLOT 12182\r\n")
		reply, err := readReply(c.in, false)
		require.NoError(t, err)
		return reply == ":1\r\n" // what has expired does not count
	}, 10*time.Second, time.Millisecond)
	c.do("CLUSTER GETKEYSINSLOT 12182 10", "*1\r\n$6\r\n{foo}1\r\n")
	c.do("CLUSTER GETKEYSINSLOT 12182 0", "*0\r\n")
	c.do("CLUSTER GETKEYSINSLOT 12182 -1", "-ERR Invalid slot or number of keys\r\n")
	c.do("CLUSTER COUNTKEYSINSLOT 16384", "-ERR Invalid slot\r\n")
	c.do("CLUSTER COUNTKEYSINSLOT x", "-ERR value is not an integer or out of range\r\n")
}
