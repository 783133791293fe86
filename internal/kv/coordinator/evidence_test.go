package coordinator_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// A scene is a moment in which the coordinator would remove something.
type scene struct {
	name string
	// build returns the input, and the partition and seat that are about to lose
	// something.
	build func(t *testing.T) (in coordinator.Input, partition uint32, seat string)
	// removes tells whether the decision removes something of the seat; of any
	// seat if it is empty.
	removes func(in coordinator.Input, d coordinator.Decision, seat string) bool
}

var scenes = []scene{
	{
		name: "a seat may go",
		build: func(t *testing.T) (coordinator.Input, uint32, string) {
			w := scaledIn(t)
			for range 200 {
				in := w.input()
				if d := coordinator.Plan(in); len(d.Removable) == 2 {
					return in, 0, d.Removable[0].Seat
				}
				w.passKeepingSeats()
			}
			require.FailNow(t, "no seat became removable")
			return coordinator.Input{}, 0, ""
		},
		removes: func(_ coordinator.Input, d coordinator.Decision, seat string) bool {
			return slices.ContainsFunc(d.Removable, func(r coordinator.Removal) bool { return seat == "" || r.Seat == seat })
		},
	},
	{
		name: "a member may leave the map",
		build: func(t *testing.T) (coordinator.Input, uint32, string) {
			w := scaledIn(t)
			for range 200 {
				in := w.input()
				if d := coordinator.Plan(in); d.NextMap != nil && len(d.NextMap.Members) < len(in.Record.Map.Members) {
					for _, m := range in.Record.Map.Members {
						if d.NextMap.Member(m.ID) == nil {
							return in, 0, m.Name
						}
					}
				}
				w.passKeepingSeats()
			}
			require.FailNow(t, "no member left")
			return coordinator.Input{}, 0, ""
		},
		removes: func(in coordinator.Input, d coordinator.Decision, seat string) bool {
			return d.NextMap != nil && slices.ContainsFunc(in.Record.Map.Members, func(m cluster.Member) bool {
				return (seat == "" || m.Name == seat) && d.NextMap.Member(m.ID) == nil
			})
		},
	},
	{
		name: "a former copy may be deleted",
		build: func(t *testing.T) (coordinator.Input, uint32, string) {
			w := scaledIn(t)
			for range 200 {
				in := w.input()
				for _, s := range coordinator.Plan(in).Steps {
					if s.Remove != nil {
						return in, s.Remove.Partition, s.Seat
					}
				}
				w.passKeepingSeats()
			}
			require.FailNow(t, "no former copy was deleted")
			return coordinator.Input{}, 0, ""
		},
		removes: func(_ coordinator.Input, d coordinator.Decision, seat string) bool {
			return slices.ContainsFunc(d.Steps, func(s coordinator.Step) bool { return s.Remove != nil && (seat == "" || s.Seat == seat) })
		},
	},
}

// scaledIn returns six nodes of which four are wanted: one more than copies, so
// that no other check hides what a silent node does.
func scaledIn(t *testing.T) *world {
	spec := small()
	spec.MaxConcurrentMoves = 1
	w := newWorld(t, spec)
	w.want(3, seats(6)...)
	w.settle(500)
	w.want(3, seats(4)...)
	return w
}

// input is what a pass would look at now.
func (w *world) input() coordinator.Input {
	record, err := w.store.Load(w.t.Context())
	require.NoError(w.t, err)
	in := coordinator.Input{Spec: w.spec, Record: record, Now: w.c.Now(), Observation: coordinator.Observation{}}
	for _, seat := range w.spec.Seats {
		a := coordinator.Answer{At: in.Now, UpSince: in.Now.Add(-time.Minute)}
		a.Status, a.Err = w.c.Dial(seat).Status(w.t.Context())
		in.Observation[seat.Name] = a
	}
	return in
}

// passKeepingSeats passes without deleting what may go.
func (w *world) passKeepingSeats() {
	_, err := w.co.Tick(w.t.Context())
	require.NoError(w.t, err)
	w.c.Step()
}

// TestDoubtfulEvidenceRemovesNothing spoils one answer in every way it can be
// unknown, partial, stale or contradictory, in every scene.
func TestDoubtfulEvidenceRemovesNothing(t *testing.T) {
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			in, _, seat := scene.build(t)
			require.True(t, scene.removes(in, coordinator.Plan(in), seat), "the scene must remove something, or the test shows nothing")
			for name, spoil := range aboutTheNode {
				t.Run("of the node itself: "+name, func(t *testing.T) {
					in, _, seat := scene.build(t)
					a := in.Observation[seat]
					spoil(&in, &a)
					if a != (coordinator.Answer{}) {
						in.Observation[seat] = a
					} else {
						delete(in.Observation, seat)
					}
					require.False(t, scene.removes(in, coordinator.Plan(in), seat))
				})
			}
			for name, spoil := range aboutThePartition {
				t.Run("of a partition: "+name, func(t *testing.T) {
					in, partition, seat := scene.build(t)
					spoil(t, &in, partition, seat)
					d := coordinator.Plan(in)
					require.False(t, scene.removes(in, d, ""), "%v", d.Notes)
				})
			}
			for name, spoil := range aboutTheNodeInAPartition {
				t.Run("of the node in a partition: "+name, func(t *testing.T) {
					in, partition, seat := scene.build(t)
					spoil(t, &in, partition, seat)
					require.False(t, scene.removes(in, coordinator.Plan(in), seat))
				})
			}
			for name, spoil := range aboutTheRecord {
				t.Run("of the record: "+name, func(t *testing.T) {
					in, _, _ := scene.build(t)
					spoil(&in)
					require.False(t, scene.removes(in, coordinator.Plan(in), ""))
				})
			}
		})
	}
}

// aboutTheNode spoils the answer of the node that would lose something.
var aboutTheNode = map[string]func(in *coordinator.Input, a *coordinator.Answer){
	"not asked":               func(_ *coordinator.Input, a *coordinator.Answer) { *a = coordinator.Answer{} },
	"error":                   func(_ *coordinator.Input, a *coordinator.Answer) { a.Err = errors.New("timeout") },
	"no status":               func(_ *coordinator.Input, a *coordinator.Answer) { a.Status = nil },
	"too old":                 func(in *coordinator.Input, a *coordinator.Answer) { a.At = in.Now.Add(-time.Minute) },
	"never asked in time":     func(_ *coordinator.Input, a *coordinator.Answer) { a.At = time.Time{} },
	"from the future":         func(in *coordinator.Input, a *coordinator.Answer) { a.At = in.Now.Add(time.Hour) },
	"no node ID":              func(_ *coordinator.Input, a *coordinator.Answer) { a.Status.Node = "" },
	"another name":            func(_ *coordinator.Input, a *coordinator.Answer) { a.Status.Name = "n0" },
	"another cluster":         func(_ *coordinator.Input, a *coordinator.Answer) { a.Status.ClusterID = "other" },
	"no cluster but a map":    func(_ *coordinator.Input, a *coordinator.Answer) { a.Status.ClusterID = "" },
	"an older epoch":          func(_ *coordinator.Input, a *coordinator.Answer) { a.Status.Epoch-- },
	"a newer epoch":           func(_ *coordinator.Input, a *coordinator.Answer) { a.Status.Epoch++ },
	"a newer revision":        func(_ *coordinator.Input, a *coordinator.Answer) { a.Status.Revision++ },
	"a replica without an ID": func(_ *coordinator.Input, a *coordinator.Answer) { a.Status.Replicas = []cluster.ReplicaStatus{{}} },
	"a replica that cannot be": func(_ *coordinator.Input, a *coordinator.Answer) {
		a.Status.Replicas = []cluster.ReplicaStatus{{Partition: 99, ID: 1}}
	},
	"one partition twice": func(_ *coordinator.Input, a *coordinator.Answer) {
		list := append(a.Status.Replicas, cluster.ReplicaStatus{Partition: 1, ID: 1})
		a.Status.Replicas = append(list, list[0])
	},
	"the identity of another": func(in *coordinator.Input, a *coordinator.Answer) {
		a.Status.Node = in.Observation["n0"].Status.Node
	},
}

// aboutThePartition spoils what is known of one partition.
var aboutThePartition = map[string]func(t *testing.T, in *coordinator.Input, partition uint32, seat string){
	"its leader does not answer": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		seat, _ := leader(t, in, p)
		in.Observation[seat] = coordinator.Answer{Err: errors.New("timeout"), At: in.Now}
	},
	"its leader answered too long ago": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		seat, _ := leader(t, in, p)
		a := in.Observation[seat]
		a.At = in.Now.Add(-time.Minute)
		in.Observation[seat] = a
	},
	"a voter does not answer": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		seat, _ := follower(t, in, p)
		in.Observation[seat] = coordinator.Answer{Err: errors.New("timeout"), At: in.Now}
	},
	"a voter that leads nothing does not answer": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		seat, _ := follower(t, in, p)
		leadNothing(t, in, seat)
		require.True(t, coordinator.Plan(*in).Health.AllAvailable())
		in.Observation[seat] = coordinator.Answer{Err: errors.New("timeout"), At: in.Now}
	},
	"nobody reports it": func(_ *testing.T, in *coordinator.Input, p uint32, seat string) {
		for name, a := range in.Observation {
			if name != seat {
				a.Status.Replicas = slices.DeleteFunc(a.Status.Replicas, func(r cluster.ReplicaStatus) bool { return r.Partition == p })
			}
		}
	},
	"an election": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, r := leader(t, in, p)
		r.Role, r.Progress = cluster.RoleCandidate, nil
	},
	"a leader without a quorum's word": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, r := leader(t, in, p)
		r.Progress = nil
	},
	"a leader that is no voter": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, r := leader(t, in, p)
		r.Config.Voters = slices.DeleteFunc(r.Config.Voters, func(v cluster.Replica) bool { return v.ID == r.ID })
	},
	"a later leader without a quorum's word": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, l := leader(t, in, p)
		_, f := follower(t, in, p)
		f.Role, f.Term = cluster.RoleLeader, l.Term+1
	},
	"two leaders of one term": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, l := leader(t, in, p)
		_, f := follower(t, in, p)
		f.Role, f.Term, f.Progress = cluster.RoleLeader, l.Term, l.Progress
	},
	"a follower with a later configuration": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, l := leader(t, in, p)
		_, f := follower(t, in, p)
		f.Config.Index = l.Config.Index + 1
	},
	"a voter that does not answer the leader": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, l := leader(t, in, p)
		_, f := follower(t, in, p)
		progress(l, f.ID).Active = false
	},
	"a voter that is behind": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, l := leader(t, in, p)
		_, f := follower(t, in, p)
		l.LastIndex += 100_000
		progress(l, l.ID).Match = l.LastIndex
		progress(l, f.ID).Match = 0
	},
	"a voter that is sent a snapshot": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, l := leader(t, in, p)
		_, f := follower(t, in, p)
		progress(l, f.ID).Snapshot = true
	},
	"a voter that the leader says nothing of": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, l := leader(t, in, p)
		_, f := follower(t, in, p)
		l.Progress = slices.DeleteFunc(l.Progress, func(x cluster.Progress) bool { return x.ID == f.ID })
	},
	"a change under way": func(t *testing.T, in *coordinator.Input, p uint32, _ string) {
		_, l := leader(t, in, p)
		l.Config.Outgoing = slices.Clone(l.Config.Voters)
	},
}

// aboutTheNodeInAPartition spoils what a partition says of the node that would
// lose something.
var aboutTheNodeInAPartition = map[string]func(t *testing.T, in *coordinator.Input, partition uint32, seat string){
	"the node among its learners": func(t *testing.T, in *coordinator.Input, p uint32, seat string) {
		_, l := leader(t, in, p)
		l.Config.Learners = append(l.Config.Learners, theReplica(in, p, seat))
	},
	"the node among its voters": func(t *testing.T, in *coordinator.Input, p uint32, seat string) {
		_, l := leader(t, in, p)
		l.Config.Voters = append(l.Config.Voters, theReplica(in, p, seat))
		l.Progress = append(l.Progress, cluster.Progress{ID: theReplica(in, p, seat).ID, Active: true, Match: l.LastIndex})
	},
}

// formerCopies are replicas on the node that its groups do not have, and that
// must stay all the same.
var formerCopies = map[string]func(l *cluster.ReplicaStatus, r *cluster.ReplicaStatus){
	"that knows a later configuration": func(l, r *cluster.ReplicaStatus) {
		r.Config = l.Config
		r.Config.Index++
	},
	"that knows of later commits":         func(l, r *cluster.ReplicaStatus) { r.CommitIndex = l.CommitIndex + 1 },
	"with an ID that is still to be used": func(l, r *cluster.ReplicaStatus) { r.ID = l.Config.NextReplicaID },
	"that says it leads, in the same term": func(l, r *cluster.ReplicaStatus) {
		r.State, r.Role, r.Term = cluster.ReplicaRunning, cluster.RoleLeader, l.Term
	},
	"that says it leads, in a later term": func(l, r *cluster.ReplicaStatus) {
		r.State, r.Role, r.Term = cluster.ReplicaRunning, cluster.RoleLeader, l.Term+1
	},
	"that runs, in a later configuration": func(l, r *cluster.ReplicaStatus) {
		r.State, r.Config = cluster.ReplicaRunning, l.Config
		r.Config.Index++
	},
	"that is damaged, in a partition whose leader is silent": func(l, r *cluster.ReplicaStatus) { r.State = cluster.ReplicaRefused; l.Progress = nil },
}

func TestFormerCopiesStayUntilTheProofHolds(t *testing.T) {
	build := func(t *testing.T) (in coordinator.Input, seat string, l, r *cluster.ReplicaStatus) {
		in, partition, seat := scenes[2].build(t)
		_, l = leader(t, &in, partition)
		for i := range in.Observation[seat].Status.Replicas {
			if x := &in.Observation[seat].Status.Replicas[i]; x.Partition == partition {
				r = x
			}
		}
		require.NotNil(t, r)
		r.State, r.Role, r.Progress = cluster.ReplicaRemoved, "", nil
		return in, seat, l, r
	}
	in, seat, _, _ := build(t)
	require.True(t, scenes[2].removes(in, coordinator.Plan(in), seat))
	for name, spoil := range formerCopies {
		t.Run(name, func(t *testing.T) {
			in, seat, l, r := build(t)
			spoil(l, r)
			require.False(t, scenes[2].removes(in, coordinator.Plan(in), seat))
		})
	}
}

// aboutTheRecord spoils what the coordinator itself knows.
var aboutTheRecord = map[string]func(in *coordinator.Input){
	"an older map than the nodes have": func(in *coordinator.Input) { in.Record.Map.Revision-- },
	"an older epoch":                   func(in *coordinator.Input) { in.Record.Map.Epoch-- },
	"another cluster":                  func(in *coordinator.Input) { in.Record.Map.ClusterID = "other" },
	"none at all":                      func(in *coordinator.Input) { in.Record = &coordinator.Record{} },
	"nil":                              func(in *coordinator.Input) { in.Record = nil },
	"not initialized":                  func(in *coordinator.Input) { in.Record.Initialized = false },
	"a spec that contradicts itself":   func(in *coordinator.Input) { in.Spec.ReplicationFactor = 0 },
	"no observation":                   func(in *coordinator.Input) { in.Observation = nil },
	"no seats":                         func(in *coordinator.Input) { in.Spec.Seats = nil },
}

// TestANodeThatStillHoldsSomethingStays: also when no group counts on it, as with a
// replica that was made and never added.
func TestANodeThatStillHoldsSomethingStays(t *testing.T) {
	for _, scene := range scenes[:2] {
		t.Run(scene.name, func(t *testing.T) {
			in, p, seat := scene.build(t)
			require.True(t, scene.removes(in, coordinator.Plan(in), seat))
			_, l := leader(t, &in, p)
			in.Observation[seat].Status.Replicas = []cluster.ReplicaStatus{{Partition: p, ID: l.Config.NextReplicaID, State: cluster.ReplicaEmpty}}
			require.False(t, scene.removes(in, coordinator.Plan(in), seat))
		})
	}
}
