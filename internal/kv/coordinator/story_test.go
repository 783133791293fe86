package coordinator_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// A story is a whole sequence as a golden file: every event, every step with the
// reason why, and every deletion with its proof. Read testdata/*.golden to see
// what the coordinator does; -update writes them anew.
type story struct {
	*world
	lines []string
}

func newStory(t *testing.T, spec coordinator.Spec) *story {
	s := &story{world: newWorld(t, spec)}
	s.tell = func(format string, args ...any) { s.lines = append(s.lines, fmt.Sprintf(format, args...)) }
	t.Cleanup(func() {
		if !t.Failed() {
			s.compare(t)
		}
	})
	return s
}

func (s *story) compare(t *testing.T) {
	path := filepath.Join("testdata", strings.TrimPrefix(t.Name(), "Test")+".golden")
	got := strings.Join(s.lines, "\n") + "\n"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "write it with -update")
	require.Equal(t, string(want), got, "compare with %s; if the change is wanted, write it anew with -update", path)
}

// chapter begins a new part of the story.
func (s *story) chapter(format string, args ...any) {
	if len(s.lines) > 0 {
		s.lines = append(s.lines, "")
	}
	s.tell("# "+format, args...)
}

// end passes until all is as wanted, and tells where everything is.
func (s *story) end() {
	s.settle(500)
	for len(s.last.Removable)+len(s.last.Kept) > 0 {
		s.pass()
	}
	s.requireSettled()
	s.told()
}

// told sums up.
func (s *story) told() {
	s.tell("= epoch %d, replication factor %d, %d of %d partitions full", s.last.Epoch, s.last.ReplicationFactor, s.last.Health.Full, s.last.Health.Partitions)
	count := map[string]int{}
	for _, nodes := range s.c.Placement(s.last.ClusterID) {
		for _, n := range nodes {
			count[n]++
		}
	}
	for _, m := range s.last.Members {
		if m.Up {
			s.tell("  %s %s: %d copies, leads %d", m.Name, m.State, count[m.Name], s.last.Health.Leaders[m.Name])
		} else {
			s.tell("  %s %s: %s", m.Name, m.State, m.Problem)
		}
	}
	for _, b := range s.last.Blocked {
		s.tell("! %s: %s", b.Reason, b.Message)
	}
	for _, k := range s.last.Kept {
		s.tell("  %s stays: %s", k.Seat, coordinator.Why(k.Proof))
	}
}

// calm lets leaders be balanced.
func (s *story) calm() {
	for range 15 {
		s.pass()
	}
	s.told()
}

func small() coordinator.Spec {
	return coordinator.Spec{Partitions: 4, VirtualNodes: 32, MaxConcurrentMoves: 2}
}

func TestStoryScaleOutThreeToFive(t *testing.T) {
	s := newStory(t, small())
	s.chapter("three nodes in three zones")
	s.want(3, seats(3, "a", "b", "c")...)
	s.end()
	s.chapter("five nodes are wanted")
	s.want(3, seats(5, "a", "b", "c")...)
	s.end()
	s.chapter("some calm time later")
	s.calm()
}

func TestStoryScaleInFiveToThree(t *testing.T) {
	s := newStory(t, small())
	s.chapter("five nodes")
	s.want(3, seats(5)...)
	s.end()
	s.chapter("three nodes are wanted")
	s.want(3, seats(3)...)
	s.end()
}

func TestStoryChangeOfMindWhileMoving(t *testing.T) {
	s := newStory(t, small())
	s.chapter("three nodes")
	s.want(3, seats(3)...)
	s.end()
	s.chapter("five are wanted")
	s.want(3, seats(5)...)
	for range 4 {
		s.pass()
	}
	s.chapter("no: four, while copies are on their way")
	s.want(3, seats(4)...)
	for range 4 {
		s.pass()
	}
	s.chapter("no: three after all")
	s.want(3, seats(3)...)
	s.end()
}

func TestStoryReplicationFactorOneToThreeToTwo(t *testing.T) {
	s := newStory(t, small())
	s.chapter("three nodes, one copy of everything")
	s.want(1, seats(3)...)
	s.end()
	s.chapter("three copies are wanted")
	s.want(3, seats(3)...)
	s.end()
	s.chapter("two copies are wanted")
	s.want(2, seats(3)...)
	s.end()
}

func TestStoryOneCopyMovesWithoutAGap(t *testing.T) {
	s := newStory(t, small())
	s.chapter("one node, one copy")
	s.want(1, seats(1)...)
	s.end()
	s.chapter("two nodes are wanted")
	s.want(1, seats(2)...)
	s.end()
}

func TestStoryVolumeLost(t *testing.T) {
	s := newStory(t, small())
	s.chapter("three nodes")
	s.want(3, seats(3)...)
	s.end()
	s.chapter("n1 stops: nothing moves")
	s.c.Stop("n1")
	for range 5 {
		s.pass()
	}
	s.told()
	s.chapter("n1 comes back on an empty volume, as another node")
	s.c.LoseVolume("n1")
	s.end()
}

func TestStoryReplicaRefused(t *testing.T) {
	s := newStory(t, small())
	s.chapter("three nodes")
	s.want(3, seats(3)...)
	s.end()
	s.chapter("bit rot on n2: it refuses its copy of partition 1")
	s.c.Damage("n2", 1)
	s.end()
}

func TestStoryRefusedWishes(t *testing.T) {
	s := newStory(t, small())
	s.chapter("three nodes")
	s.want(3, seats(3)...)
	s.end()
	refused := func() {
		for range 3 {
			s.pass()
		}
		s.told()
	}
	s.chapter("two nodes are wanted: fewer than copies")
	s.want(3, seats(2)...)
	refused()
	s.chapter("five copies on three nodes")
	s.want(5, seats(3)...)
	refused()
	s.chapter("other partitions")
	s.spec.Partitions = 8
	s.want(3, seats(3)...)
	refused()
	s.spec.Partitions = 4
	s.chapter("the wish is taken back")
	s.want(3, seats(3)...)
	s.end()
}

func TestStoryNoRoomForWhatALeavingNodeHolds(t *testing.T) {
	s := newStory(t, small())
	s.chapter("three nodes with one copy of everything")
	s.want(1, seats(3)...)
	s.end()
	s.chapter("one node is wanted; the disks are nearly full")
	s.c.Write(100, 30<<30)
	for _, seat := range s.spec.Seats {
		s.c.SetRoom(seat.Name, 100<<30, 10<<30, 0)
	}
	s.want(1, seats(1)...)
	for range 3 {
		s.pass()
	}
	s.told()
	s.chapter("the volume grows, the memory does not")
	s.c.SetRoom("n0", 900<<30, 800<<30, 64<<30)
	for range 3 {
		s.pass()
	}
	s.told()
	s.chapter("now there is room")
	s.c.SetRoom("n0", 900<<30, 800<<30, 256<<30)
	s.end()
}

func TestStoryAllVolumesLost(t *testing.T) {
	s := newStory(t, small())
	s.chapter("three nodes")
	s.want(3, seats(3)...)
	s.end()
	s.chapter("all come back empty")
	for _, seat := range seats(3) {
		s.c.LoseVolume(seat.Name)
	}
	for range 5 {
		s.pass()
	}
	s.told()
}

func TestStoryPausedStillRepairs(t *testing.T) {
	s := newStory(t, small())
	s.chapter("three nodes")
	s.want(3, seats(3)...)
	s.end()
	s.chapter("paused; five nodes are wanted")
	s.spec.Paused = true
	s.want(3, seats(5)...)
	for range 5 {
		s.pass()
	}
	s.told()
	s.chapter("paused; n1 loses its volume")
	s.c.LoseVolume("n1")
	for range 60 {
		s.pass()
	}
	s.told()
	s.chapter("not paused any more")
	s.spec.Paused = false
	s.want(3, seats(5)...)
	s.end()
}

func TestStorySurvivorOfTwo(t *testing.T) {
	spec := small()
	spec.OnQuorumLoss = coordinator.QuorumLossPromoteSurvivor
	spec.QuorumLossAfter = 1e9
	s := newStory(t, spec)
	s.chapter("two nodes, two copies; survivors may go on alone after a second")
	s.want(2, seats(2)...)
	s.end()
	s.chapter("n1 stops")
	s.c.Stop("n1")
	for range 20 {
		s.pass()
	}
	s.told()
	s.chapter("n1 is back")
	s.c.Start("n1")
	s.end()
}
