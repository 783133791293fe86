package coordinator_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// TestASurvivorGoesOnAloneOnlyByProof spoils each part of the proof.
func TestASurvivorGoesOnAloneOnlyByProof(t *testing.T) {
	build := func(t *testing.T) coordinator.Input {
		w := newWorld(t, small())
		w.want(2, seats(3)...)
		w.settle(100)
		// n1 goes silent; so do elections on the groups that had a copy there.
		w.c.Stop("n1")
		w.c.Step()
		in := w.input()
		in.Spec.OnQuorumLoss = coordinator.QuorumLossPromoteSurvivor
		in.Observation["n1"] = coordinator.Answer{Err: errors.New("refused"), At: in.Now, AwaySince: in.Now.Add(-time.Hour)}
		return in
	}
	sole := func(in coordinator.Input) (steps []coordinator.Step) {
		for _, s := range coordinator.Plan(in).Steps {
			if s.Sole != nil {
				require.True(t, coordinator.Proven(s.Proof))
				steps = append(steps, s)
			}
		}
		return steps
	}
	forced := sole(build(t))
	require.NotEmpty(t, forced, "the scene must force something, or the test shows nothing")
	survivor := forced[0].Seat
	third := map[string]string{"n0": "n2", "n2": "n0"}[survivor]
	partition := forced[0].Sole.Partition

	replica := func(in *coordinator.Input, seat string) *cluster.ReplicaStatus {
		status := in.Observation[seat].Status
		for i := range status.Replicas {
			if status.Replicas[i].Partition == partition {
				return &status.Replicas[i]
			}
		}
		return nil
	}
	for name, spoil := range map[string]func(in *coordinator.Input){
		"the policy says wait": func(in *coordinator.Input) { in.Spec.OnQuorumLoss = coordinator.QuorumLossWait },
		"no policy":            func(in *coordinator.Input) { in.Spec.OnQuorumLoss = "" },
		"away for too short a time": func(in *coordinator.Input) {
			a := in.Observation["n1"]
			a.AwaySince = in.Now.Add(-time.Minute)
			in.Observation["n1"] = a
		},
		"not known since when": func(in *coordinator.Input) {
			in.Observation["n1"] = coordinator.Answer{Err: errors.New("refused"), At: in.Now}
		},
		"never asked": func(in *coordinator.Input) { delete(in.Observation, "n1") },
		"the third node does not answer": func(in *coordinator.Input) {
			in.Observation[third] = coordinator.Answer{Err: errors.New("refused"), At: in.Now, AwaySince: in.Now.Add(-time.Hour)}
		},
		"the third node has a later configuration": func(in *coordinator.Input) {
			status := in.Observation[third].Status
			config := replica(in, survivor).Config
			config.Index++
			status.Replicas = append(status.Replicas, cluster.ReplicaStatus{Partition: partition, ID: 9, State: cluster.ReplicaRunning, Config: config})
		},
		"the survivor answers too late": func(in *coordinator.Input) {
			a := in.Observation[survivor]
			a.At = in.Now.Add(-time.Hour)
			in.Observation[survivor] = a
		},
		"the survivor is damaged":  func(in *coordinator.Input) { replica(in, survivor).State = cluster.ReplicaRefused },
		"the survivor was removed": func(in *coordinator.Input) { replica(in, survivor).State = cluster.ReplicaRemoved },
		"the survivor is a learner": func(in *coordinator.Input) {
			c := &replica(in, survivor).Config
			for i := range c.Voters {
				if c.Voters[i].ID == replica(in, survivor).ID {
					c.Learners = append(c.Learners, c.Voters[i])
					c.Voters[i].ID = 50
				}
			}
		},
		"three voters": func(in *coordinator.Input) {
			c := &replica(in, survivor).Config
			c.Voters = append(c.Voters, cluster.Replica{ID: 50, Node: in.Observation[third].Status.Node})
		},
		"a joint change": func(in *coordinator.Input) {
			c := &replica(in, survivor).Config
			c.Outgoing = c.Voters
		},
		"an older map": func(in *coordinator.Input) { in.Observation[survivor].Status.Epoch-- },
		"there is a leader": func(in *coordinator.Input) {
			r := replica(in, survivor)
			r.Role, r.Progress = cluster.RoleLeader, []cluster.Progress{{ID: r.ID, Active: true}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := build(t)
			spoil(&in)
			for _, s := range sole(in) {
				require.NotEqual(t, partition, s.Sole.Partition, s.Note)
			}
		})
	}
}

func TestASurvivorOfALostVolumeNeedNotWait(t *testing.T) {
	spec := small()
	spec.OnQuorumLoss = coordinator.QuorumLossPromoteSurvivor
	w := newWorld(t, spec)
	w.want(2, seats(2)...)
	w.settle(100)
	w.c.Write(100, 1000)
	w.c.Step()
	w.c.LoseVolume("n1")
	w.settle(200)
	w.requireSettled()
}

func TestWithoutThePolicyALostMajorityWaits(t *testing.T) {
	w := newWorld(t, small())
	w.want(2, seats(2)...)
	w.settle(100)
	w.c.LoseVolume("n1")
	for range 50 {
		w.pass()
	}
	require.Contains(t, w.last.Blocked, coordinator.Blocked{
		Reason:  coordinator.ReasonQuorumLost,
		Message: "a majority of the copies of partitions 0, 1, 2, 3 is lost or damaged: bring back one of the volumes, or see failover.onQuorumLoss",
	})
	require.Empty(t, w.c.Lost(), "what is left stays")
}
