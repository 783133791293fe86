package coordinator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// until passes until the plan has a step that ok accepts, and returns the input
// of that plan.
func (w *world) until(ok func(coordinator.Step) bool) (coordinator.Input, coordinator.Step) {
	w.t.Helper()
	for range 300 {
		in := w.input()
		d := coordinator.Plan(in)
		if d.NextMap != nil {
			in.Record.Map = d.NextMap // as a pass does
			d = coordinator.Plan(in)
		}
		for _, s := range d.Steps {
			if ok(s) {
				return in, s
			}
		}
		w.passKeepingSeats()
	}
	require.FailNow(w.t, "the step never came")
	return coordinator.Input{}, coordinator.Step{}
}

// spoilVoter makes the leader report a voter that is neither itself nor one of
// the change's as out of order.
func spoilVoter(t *testing.T, in *coordinator.Input, change *cluster.ChangeConfig, spoil func(l *cluster.ReplicaStatus, p *cluster.Progress)) {
	_, l := leader(t, in, change.Partition)
	for _, v := range l.Config.Voters {
		if v.ID != l.ID && (len(change.Remove) == 0 || v.ID != change.Remove[0]) {
			spoil(l, progress(l, v.ID))
			return
		}
	}
	require.FailNow(t, "no such voter")
}

var disorders = map[string]func(l *cluster.ReplicaStatus, p *cluster.Progress){
	"does not answer": func(_ *cluster.ReplicaStatus, p *cluster.Progress) { p.Active = false },
	"is behind": func(l *cluster.ReplicaStatus, p *cluster.Progress) {
		l.LastIndex += 10_000
		for i := range l.Progress {
			l.Progress[i].Match = l.LastIndex
		}
		p.Match = 0
	},
	"is sent a snapshot": func(_ *cluster.ReplicaStatus, p *cluster.Progress) { p.Snapshot = true },
}

func TestAGoodCopyStaysWhileAnotherIsNotInOrder(t *testing.T) {
	for name, scene := range map[string]struct {
		rf   int
		step func(coordinator.Step) bool
	}{
		"it is to be replaced": {3, func(s coordinator.Step) bool {
			return s.Change != nil && len(s.Change.Promote) > 0 && len(s.Change.Remove) > 0
		}},
		"it is one too many": {2, func(s coordinator.Step) bool {
			return s.Change != nil && len(s.Change.Promote) == 0 && len(s.Change.Remove) > 0
		}},
	} {
		for disorder, spoil := range disorders {
			t.Run(name+", another "+disorder, func(t *testing.T) {
				w := newWorld(t, small())
				w.want(3, seats(4)...)
				w.settle(500)
				w.want(scene.rf, seats(3)...)
				in, step := w.until(scene.step)
				spoilVoter(t, &in, step.Change, spoil)
				d := coordinator.Plan(in)
				for _, s := range d.Steps {
					require.False(t, s.Change != nil && s.Change.Partition == step.Change.Partition && len(s.Change.Remove) > 0, s.String())
				}
			})
		}
	}
}

func TestADamagedCopyStaysAVoterWhileNoMajorityIsGoodWithoutIt(t *testing.T) {
	for disorder, spoil := range disorders {
		t.Run("another "+disorder, func(t *testing.T) {
			w := newWorld(t, small())
			w.want(3, seats(3)...)
			w.settle(500)
			w.c.Damage("n2", 1)
			in, step := w.until(func(s coordinator.Step) bool { return s.Change != nil })
			spoilVoter(t, &in, step.Change, spoil)
			d := coordinator.Plan(in)
			require.Empty(t, d.Steps)
			require.Equal(t, coordinator.ReasonReplicaRefused, d.Blocked[0].Reason)
		})
	}
}

func TestALearnerIsPromotedOnlyWhenCaughtUp(t *testing.T) {
	for disorder, spoil := range disorders {
		t.Run(disorder, func(t *testing.T) {
			w := newWorld(t, small())
			w.want(1, seats(2)...)
			w.settle(500)
			w.want(2, seats(2)...)
			in, step := w.until(func(s coordinator.Step) bool { return s.Change != nil && len(s.Change.Promote) > 0 })
			_, l := leader(t, &in, step.Change.Partition)
			spoil(l, progress(l, step.Change.Promote[0]))
			for _, s := range coordinator.Plan(in).Steps {
				require.False(t, s.Change != nil && s.Change.Partition == step.Change.Partition, s.String())
			}
		})
	}
}

func TestAReplicaIDGivenOutIsNotGivenOutAgain(t *testing.T) {
	w := newWorld(t, small())
	w.want(1, seats(1)...)
	w.settle(500)
	w.want(1, seats(3)...)
	in, step := w.until(func(s coordinator.Step) bool { return s.Create != nil })
	// Another node, which leaves by now, has an empty replica under the very ID,
	// from a plan that was given up.
	leaving := map[string]string{"n1": "n2", "n2": "n1"}[step.Seat]
	status := in.Observation[leaving].Status
	status.Replicas = []cluster.ReplicaStatus{{Partition: step.Create.Partition, ID: step.Create.ID, State: cluster.ReplicaEmpty}}
	in.Record.Map.Member(status.Node).State = cluster.MemberLeaving
	for i := range in.Spec.Seats {
		in.Spec.Seats[i].Wanted = in.Spec.Seats[i].Name != leaving
	}
	created := func() uint64 {
		for _, s := range coordinator.Plan(in).Steps {
			if s.Create != nil && s.Create.Partition == step.Create.Partition {
				return s.Create.ID
			}
		}
		require.FailNow(t, "no replica is created")
		return 0
	}
	require.Equal(t, step.Create.ID+1, created())
	in.Hints.MinReplicaID = map[uint32]uint64{step.Create.Partition: 40} // a node refused 39
	require.Equal(t, uint64(40), created())
}

func TestAWishWaitsForTheNodesThatItNeeds(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(3)...)
	w.settle(500)

	five := seats(5)
	w.want(5, five...)
	w.c.Stop("n3")
	w.c.Stop("n4")
	for range 10 {
		require.Empty(t, w.pass().Done)
	}
	require.Equal(t, coordinator.ReasonWaitingForNodes, w.last.Blocked[0].Reason)
	require.Equal(t, 3, w.last.ReplicationFactor)

	w.want(3, five[0], five[1], five[4]) // n2 is to be replaced by n4, which is not there yet
	w.c.Stop("n4")
	for range 10 {
		require.Empty(t, w.pass().Done)
	}
	require.Equal(t, coordinator.ReasonWaitingForNodes, w.last.Blocked[0].Reason)
	w.c.Start("n3")
	w.c.Start("n4")
	w.settle(500)
	w.requireSettled()
}

func TestNoMoreMovesAtATimeThanAllowed(t *testing.T) {
	spec := small()
	spec.Partitions, spec.MaxConcurrentMoves = 32, 3
	w := newWorld(t, spec)
	w.c.EntriesPerStep = 100
	w.want(2, seats(3)...)
	w.settle(500)
	w.c.Write(1000, 1000)
	w.want(2, seats(6)...)
	busiest := 0
	for range 2000 {
		r := w.pass()
		busiest = max(busiest, r.Progress.Running)
		if r.Converged {
			break
		}
	}
	require.Equal(t, 3, busiest)
	w.requireSettled()
}

// TestAMoveToASilentNodeHoldsUpNoOthers: its node stopped while it was filled.
func TestAMoveToASilentNodeHoldsUpNoOthers(t *testing.T) {
	spec := small()
	spec.Partitions, spec.MaxConcurrentMoves = 16, 1
	w := newWorld(t, spec)
	w.want(1, seats(2)...)
	w.settle(500)
	w.want(1, seats(4)...)
	in, step := w.until(func(s coordinator.Step) bool { return s.Change != nil && len(s.Change.AddLearners) > 0 })
	w.passKeepingSeats()
	target := step.Change.AddLearners[0].Node
	for _, seat := range in.Spec.Seats {
		if w.c.NodeID(seat.Name) == target {
			w.c.Stop(seat.Name)
			defer w.c.Start(seat.Name)
		}
	}
	for range 300 {
		w.pass()
	}
	held := map[string]int{}
	for _, nodes := range w.c.Placement(w.last.ClusterID) {
		held[nodes[0]]++
	}
	other := map[cluster.NodeID]string{w.c.NodeID("n2"): "n3", w.c.NodeID("n3"): "n2"}[target]
	require.Equal(t, 4, held[other], "the other new node has its share")
}
