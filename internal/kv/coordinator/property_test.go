package coordinator_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/coordinator/coordtest"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// TestRandomChangesConverge changes size, zones and replication factor at random
// while the coordinator dies between any two steps, and holds I3, I4, I5 and I7
// against what is done after every pass (coordtest judges every call). Half of
// the sequences lose and delay calls too, stop nodes and break volumes. -short
// makes a tenth of them.
func TestRandomChangesConverge(t *testing.T) {
	sequences := 1000
	if testing.Short() {
		sequences = 100
	}
	base := seed(t)
	for kind, name := range []string{"crashes", "crashes and faults"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			total := struct{ changes, counted, copies, broken, passes, crashes int }{}
			for i := kind; i < sequences; i += 2 {
				s := &sequence{rnd: random(base, uint64(i)), faulty: kind == 1}
				if !t.Run(fmt.Sprint(i), s.run) {
					t.Fatalf("replay with -seed %d -run '%s/^%d$'", base, t.Name(), i)
				}
				if s.w == nil {
					continue // not chosen by -run
				}
				total.changes += s.changes
				total.counted += s.counted
				total.copies += s.w.c.Created()
				total.broken += s.broken
				total.passes += s.passes
				total.crashes += s.w.crashes
			}
			t.Logf("%+v", total)
		})
	}
}

type sequence struct {
	rnd    *rand.Rand
	w      *world
	zones  []string
	faulty bool // calls get lost and late, and nodes stop for a while
	story  []string

	passes, changes, counted, broken int
}

func (s *sequence) run(t *testing.T) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last of the story:\n%s", strings.Join(s.story[max(0, len(s.story)-150):], "\n"))
		}
	})
	s.zones = []string{"a", "b", "c"}[:1+s.rnd.IntN(3)]
	s.w = newWorld(t, coordinator.Spec{Partitions: 4 << s.rnd.IntN(3), VirtualNodes: 16, MaxConcurrentMoves: 1 + s.rnd.IntN(6)})
	s.w.tell = func(format string, args ...any) { s.story = append(s.story, fmt.Sprintf(format, args...)) }
	if s.faulty {
		s.w.c.EntriesPerStep = 500 // a copy takes several passes
		s.w.c.Faults = s.disturb
	}
	for range 3 + s.rnd.IntN(4) {
		s.change()
		s.live()
	}
	s.makeWhole()
	s.w.crashIn = -1
	s.w.settle(2000)
	s.w.requireSettled()
	s.rest()
}

// change asks for another size and another replication factor, sometimes for
// what cannot be.
func (s *sequence) change() {
	s.changes++
	all := seats(7, s.zones...)
	s.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	n := 1 + s.rnd.IntN(len(all))
	rf := 1 + s.rnd.IntN(min(n, 4))
	if s.rnd.IntN(10) == 0 {
		rf = n + 1
	}
	s.w.spec.Paused = s.rnd.IntN(10) == 0
	s.w.tell("= %d nodes %v, replication factor %d, paused %v", n, names(all[:n]), rf, s.w.spec.Paused)
	s.w.want(rf, all[:n]...)
}

func names(list []coordinator.Seat) (out []string) {
	for _, s := range list {
		out = append(out, s.Name)
	}
	slices.Sort(out)
	return out
}

// live lets the change go on for a while or to its end, under writes and
// crashes.
func (s *sequence) live() {
	if !s.faulty && s.possible() && s.rnd.IntN(2) == 0 {
		s.uninterrupted()
		return
	}
	down := ""
	for range s.rnd.IntN(45) {
		r := s.pass()
		if !s.faulty {
			continue
		}
		switch list := s.w.spec.Seats; {
		case down == "" && r.Health.AllFull() && r.ReplicationFactor >= 3 && s.rnd.IntN(20) == 0:
			s.breakOne()
		case down != "" && s.rnd.IntN(8) == 0:
			s.w.tell("> %s is back", down)
			s.w.c.Start(down)
			down = ""
		case down == "" && s.rnd.IntN(12) == 0 && len(list) > 0:
			down = list[s.rnd.IntN(len(list))].Name
			s.w.tell("> %s stops", down)
			s.w.c.Stop(down)
		}
		if down != "" && slices.Contains(s.w.removed, down) {
			down = ""
		}
	}
	s.startAll()
}

// breakOne takes one copy of every partition at most, with all others full.
func (s *sequence) breakOne() {
	list := s.w.wantedSeats()
	seat := list[s.rnd.IntN(len(list))]
	if s.rnd.IntN(2) == 0 {
		s.w.tell("> the volume of %s is lost", seat)
		s.w.c.LoseVolume(seat)
		s.broken++
		return
	}
	s.w.tell("> %s has bit rot", seat)
	for p := range s.w.spec.Partitions {
		if s.rnd.IntN(2) == 0 {
			s.w.c.Damage(seat, uint32(p))
			s.broken++
		}
	}
}

func (s *sequence) startAll() {
	for _, seat := range s.w.spec.Seats {
		s.w.c.AddNode(seat.Name, seat.Zone)
	}
}

func (s *sequence) possible() bool {
	return !s.w.spec.Paused && s.w.spec.ReplicationFactor <= len(s.w.wantedSeats())
}

// uninterrupted follows a change to its end and holds it against I5.
func (s *sequence) uninterrupted() {
	settled := s.w.last.Converged
	before := s.w.c.Placement(s.w.last.ClusterID)
	made := s.w.c.Created()
	for range 2000 {
		if r := s.pass(); r.Converged && len(r.Removable) == 0 {
			break
		}
	}
	s.w.requireSettled()
	if !settled || len(before) == 0 {
		return
	}
	s.counted++
	var members []ring.Member
	record, err := s.w.store.Load(s.w.t.Context())
	require.NoError(s.w.t, err)
	for _, m := range record.Map.Members {
		members = append(members, ring.Member{ID: m.Name, Zone: m.Zone})
	}
	least := ring.Moves(before, ring.Assign(ring.AssignInput{
		Previous: before, Members: members, VirtualNodes: 16,
		Partitions: s.w.spec.Partitions, ReplicationFactor: s.w.spec.ReplicationFactor,
	}))
	copies := s.w.c.Created() - made
	require.LessOrEqual(s.w.t, copies, least+least/20, "I5: copies made; the least possible is %d", least)
}

func (s *sequence) pass() coordinator.Result {
	s.passes++
	if s.w.crashIn < 0 && s.rnd.IntN(4) == 0 {
		s.w.crashIn, s.w.crashBefore = s.rnd.IntN(8), s.rnd.IntN(2) == 0
	}
	if s.rnd.IntN(3) == 0 {
		s.w.c.Write(uint64(s.rnd.IntN(100)), 1000)
	}
	return s.w.pass()
}

// makeWhole ends the trouble with a wish that can be granted.
func (s *sequence) makeWhole() {
	s.w.c.Faults = nil
	s.startAll()
	n := 1 + s.rnd.IntN(5)
	s.w.spec.Paused = false
	s.w.want(1+s.rnd.IntN(min(n, 3)), seats(n, s.zones...)...)
	s.w.tell("= at last %d nodes, replication factor %d", n, s.w.spec.ReplicationFactor)
}

// rest checks I9: once settled and its leaders balanced, nothing is done any
// more and nothing is written.
func (s *sequence) rest() {
	for range 25 {
		require.True(s.w.t, s.w.pass().Converged)
	}
	saves := s.w.store.Saves()
	for range 3 {
		r := s.w.pass()
		require.Empty(s.w.t, r.Done)
		require.Zero(s.w.t, r.RequeueAfter)
	}
	require.Equal(s.w.t, saves, s.w.store.Saves())
	least, most := 1<<30, 0
	for _, seat := range s.w.wantedSeats() {
		led := s.w.last.Health.Leaders[seat]
		least, most = min(least, led), max(most, led)
	}
	require.LessOrEqual(s.w.t, most-least, 1, "leaders: %v", s.w.last.Health.Leaders)
}

// disturb loses one call in ten, one way or another.
func (s *sequence) disturb(seat, call string) coordtest.Fault {
	if s.rnd.IntN(10) > 0 {
		return coordtest.FaultNone
	}
	if call == "Status" {
		return []coordtest.Fault{coordtest.FaultLost, coordtest.FaultSlow, coordtest.FaultSlow}[s.rnd.IntN(3)]
	}
	return coordtest.Fault(1 + s.rnd.IntN(4))
}
