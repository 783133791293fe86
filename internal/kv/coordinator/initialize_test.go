package coordinator_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/coordinator/coordtest"
)

func TestTheFirstMapWaitsForAllWantedNodes(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(3)...)
	w.c.Stop("n1")
	for range 5 {
		require.Empty(t, w.pass().Done)
	}
	require.Equal(t, coordinator.ReasonWaitingForNodes, w.last.Blocked[0].Reason)
	require.Contains(t, w.last.Blocked[0].Message, "n1")
	require.Zero(t, w.store.Saves())
	w.c.Start("n1")
	w.settle(100)
	w.requireSettled()
}

func TestTheFirstReplicasAreOneToRF(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(5)...)
	w.settle(100)
	record, err := w.store.Load(t.Context())
	require.NoError(t, err)
	require.Len(t, record.Map.Initial, 4)
	for _, replicas := range record.Map.Initial {
		for i, r := range replicas {
			require.Equal(t, uint64(i+1), r.ID)
		}
	}
}

func TestInitialisedMeansThatAllFirstMembersHaveConfirmed(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(3)...)
	w.c.Faults = func(seat, call string) coordtest.Fault {
		if seat == "n1" && call == "PublishMap" {
			return coordtest.FaultLost
		}
		return coordtest.FaultNone
	}
	for range 5 {
		w.pass()
	}
	record, err := w.store.Load(t.Context())
	require.NoError(t, err)
	require.NotNil(t, record.Map)
	require.False(t, record.Initialized)
	require.Equal(t, coordinator.ReasonWaitingForNodes, w.last.Blocked[0].Reason)
	w.c.Faults = nil
	w.settle(100)
	w.requireSettled()
}

// TestALostVolumeBeforeTheStart: a node that the first map names is gone before
// anybody took the map. The first map can have arrived nowhere that counts, and
// the cluster begins under another name.
func TestALostVolumeBeforeTheStart(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(3)...)
	w.crashIn = 1 // after the record is saved, before the first node has the map
	w.crashBefore = true
	w.pass()
	require.Equal(t, 1, w.crashes)
	first, err := w.store.Load(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, first.ClusterID)
	w.c.LoseVolume("n2")
	w.settle(100)
	w.requireSettled()
	require.NotEqual(t, first.ClusterID, w.last.ClusterID)
}

// TestALostVolumeWhileStarting: somebody took the map already, so that the
// cluster may have begun to serve. It goes on and repairs.
func TestALostVolumeWhileStarting(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(3)...)
	w.crashIn = 3 // the record, two nodes; not the third
	w.crashBefore = true
	w.pass()
	require.Equal(t, 1, w.crashes)
	first, err := w.store.Load(t.Context())
	require.NoError(t, err)
	require.False(t, first.Initialized)
	w.c.LoseVolume("n2")
	w.settle(200)
	w.requireSettled()
	require.Equal(t, first.ClusterID, w.last.ClusterID)
}

// TestAnInitialisedClusterIsNeverStartedAgain, whatever subset of the nodes
// comes back empty and whatever else is silent.
func TestAnInitialisedClusterIsNeverStartedAgain(t *testing.T) {
	for mask := range 27 {
		w := newWorld(t, small())
		w.want(3, seats(3)...)
		w.settle(100)
		record, err := w.store.Load(t.Context())
		require.NoError(t, err)
		m, kept := mask, 0
		for _, seat := range seats(3) {
			switch m % 3 {
			case 0:
				kept++
			case 1:
				w.c.LoseVolume(seat.Name)
			case 2:
				w.c.Stop(seat.Name)
			}
			m /= 3
		}
		for range 30 {
			w.pass()
		}
		again, err := w.store.Load(t.Context())
		require.NoError(t, err)
		require.True(t, again.Initialized)
		require.Equal(t, record.ClusterID, again.ClusterID)
		require.Equal(t, record.Map.Initial, again.Map.Initial)
		if kept == 0 {
			require.Equal(t, record.Map, again.Map, "without a node that has the data nothing is changed")
			require.Zero(t, w.c.Created())
		}
	}
}

func TestWhatIsInTheWayIsSaid(t *testing.T) {
	empty := func(name string) *cluster.NodeStatus {
		return &cluster.NodeStatus{Node: cluster.NodeID("id-of-" + name), Name: name}
	}
	for name, test := range map[string]struct {
		change func(in *coordinator.Input)
		reason coordinator.Reason
		says   string
	}{
		"no seats": {func(in *coordinator.Input) { in.Spec.Seats = nil },
			coordinator.ReasonTooFewNodes, "0 nodes are wanted"},
		"fewer nodes than copies": {func(in *coordinator.Input) { in.Spec.ReplicationFactor = 4 },
			coordinator.ReasonTooFewNodes, "replication factor 4"},
		"no copies": {func(in *coordinator.Input) { in.Spec.ReplicationFactor = 0 },
			coordinator.ReasonInvalidSpec, "at least 1"},
		"partitions are no power of two": {func(in *coordinator.Input) { in.Spec.Partitions = 48 },
			coordinator.ReasonInvalidSpec, "power of two"},
		"no virtual nodes": {func(in *coordinator.Input) { in.Spec.VirtualNodes = 0 },
			coordinator.ReasonInvalidSpec, "virtual nodes"},
		"a seat twice": {func(in *coordinator.Input) { in.Spec.Seats[1].Name = "n0" },
			coordinator.ReasonInvalidSpec, "n0 is named twice"},
		"a seat without a name": {func(in *coordinator.Input) { in.Spec.Seats[1].Name = "" },
			coordinator.ReasonInvalidSpec, "no name"},
		"a node does not answer": {func(in *coordinator.Input) {
			in.Observation["n1"] = coordinator.Answer{Err: errors.New("refused"), At: in.Now}
		}, coordinator.ReasonWaitingForNodes, "waiting for n1"},
		"a node of another cluster": {func(in *coordinator.Input) { in.Observation["n1"].Status.ClusterID = "other" },
			coordinator.ReasonForeignData, "belongs to cluster other"},
		"data before there is a cluster": {func(in *coordinator.Input) {
			in.Observation["n1"].Status.Replicas = []cluster.ReplicaStatus{{Partition: 1, ID: 1}}
		}, coordinator.ReasonWaitingForNodes, "waiting for n1"},
		"one node at two addresses": {func(in *coordinator.Input) {
			in.Observation["n1"].Status.Node = in.Observation["n0"].Status.Node
		}, coordinator.ReasonWaitingForNodes, "n0, n1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, small())
			in := coordinator.Input{Spec: small(), Now: w.c.Now(), NewClusterID: "c", Observation: coordinator.Observation{}}
			in.Spec.ReplicationFactor = 3
			for _, seat := range seats(3) {
				seat.Wanted = true
				in.Spec.Seats = append(in.Spec.Seats, seat)
				in.Observation[seat.Name] = coordinator.Answer{Status: empty(seat.Name), At: in.Now}
			}
			require.NotNil(t, coordinator.Plan(in).NextMap, "nothing is in the way before the change")
			test.change(&in)
			d := coordinator.Plan(in)
			require.Nil(t, d.NextMap)
			require.Empty(t, d.Steps)
			require.NotEmpty(t, d.Blocked)
			require.Equal(t, test.reason, d.Blocked[0].Reason)
			require.Contains(t, d.Blocked[0].Message, test.says)
		})
	}
}
