package coordinator_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// theReplica is the replica of the partition on the seat, or one that it could
// have had.
func theReplica(in *coordinator.Input, p uint32, seat string) cluster.Replica {
	status := in.Observation[seat].Status
	for _, r := range status.Replicas {
		if r.Partition == p {
			return cluster.Replica{ID: r.ID, Node: status.Node}
		}
	}
	return cluster.Replica{ID: 77, Node: status.Node}
}

func leader(t *testing.T, in *coordinator.Input, p uint32) (string, *cluster.ReplicaStatus) {
	return find(t, in, p, cluster.RoleLeader)
}

func follower(t *testing.T, in *coordinator.Input, p uint32) (string, *cluster.ReplicaStatus) {
	_, l := leader(t, in, p)
	for _, name := range seatNames(in) {
		status := in.Observation[name].Status
		for i := range status.Replicas {
			r := &status.Replicas[i]
			if r.Partition == p && r.ID != l.ID && slices.Contains(l.Config.Voters, cluster.Replica{ID: r.ID, Node: status.Node}) {
				return name, r
			}
		}
	}
	require.FailNow(t, "no follower")
	return "", nil
}

func find(t *testing.T, in *coordinator.Input, p uint32, role cluster.Role) (string, *cluster.ReplicaStatus) {
	for _, name := range seatNames(in) {
		status := in.Observation[name].Status
		for i := range status.Replicas {
			if r := &status.Replicas[i]; r.Partition == p && r.Role == role {
				return name, r
			}
		}
	}
	require.FailNow(t, fmt.Sprintf("partition %d has no %s", p, role))
	return "", nil
}

// leadNothing lets other voters lead what the seat leads.
func leadNothing(t *testing.T, in *coordinator.Input, seat string) {
	for p := range uint32(in.Record.Map.Partitions) {
		name, l := leader(t, in, p)
		if name != seat {
			continue
		}
		_, f := follower(t, in, p)
		f.Role, f.Progress, f.LastIndex, f.CommitIndex, f.Config = l.Role, l.Progress, l.LastIndex, l.CommitIndex, l.Config
		l.Role, l.Progress = cluster.RoleFollower, nil
	}
}

func seatNames(in *coordinator.Input) (names []string) {
	for name := range in.Observation {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func progress(l *cluster.ReplicaStatus, id uint64) *cluster.Progress {
	for i := range l.Progress {
		if l.Progress[i].ID == id {
			return &l.Progress[i]
		}
	}
	return nil
}
