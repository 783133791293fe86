package replica

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// doubter is a replica in doubt: replica 1 of three, in term 5, whose log ends with
// entry 3 of term 4.
type doubter struct {
	*Replica
	t    *testing.T
	log  *wal.Log
	sent map[uint64]*raftpb.Message // the newest question, by whom it went to
	lost map[cluster.NodeID]bool
}

func newDoubter(t *testing.T) *doubter {
	d := &doubter{t: t, sent: map[uint64]*raftpb.Message{}, lost: map[cluster.NodeID]bool{}}
	logger := slog.New(slog.DiscardHandler)
	var err error
	d.log, _, err = wal.Open(wal.Options{FS: crashfs.New(), Dir: "/log", NodeID: "a", Logger: logger})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.log.Close()) })
	config := abc()
	w, err := Create(0, 1, config.Voters)
	require.NoError(t, err)
	w.HardState = &wal.HardState{Term: 5, Vote: 2, Commit: 1}
	w.Entries = []wal.Entry{{Term: 4, Index: 2}, {Term: 4, Index: 3}}
	done := make(chan struct{})
	w.Done = func() { close(done) }
	d.log.Append(w)
	<-done
	d.Replica, err = New(Options{
		Partitions: 1, ID: 1, Node: "a", Host: d, Clock: &handClock{}, Log: d.log.Group(0), Logger: logger, Timing: DefaultTiming(),
		Settings: cluster.DefaultSettings(),
	}, &wal.Replica{Replica: 1, Create: w.Create, HardState: *w.HardState, Snapshot: w.Snapshot, First: 2, Last: 3, Doubtful: true})
	require.NoError(t, err)
	return d
}

// Send implements Host.
func (d *doubter) Send(_ cluster.NodeID, _ uint32, m Message) {
	require.NotContains(d.t, []raftpb.MessageType{raftpb.MsgVote, raftpb.MsgPreVote}, m.Raft.GetType())
	if m.Raft.GetType() == messageHowFar {
		d.sent[m.Raft.GetTo()] = m.Raft
	}
}

// Lost implements Host.
func (d *doubter) Lost(n cluster.NodeID) bool { return d.lost[n] }

// Write implements Host.
func (d *doubter) Write(w *wal.Write) { d.log.Append(w) }

// SendSnapshot implements Host.
func (d *doubter) SendSnapshot(cluster.NodeID, SnapshotHeader, io.ReadCloser, func(error)) {}

// Post implements Host.
func (d *doubter) Post(*Replica, func()) {}

// Wake implements Host.
func (d *doubter) Wake(*Replica) {}

// Background implements Host.
func (d *doubter) Background(func()) {}

// BeginCompaction implements Host.
func (d *doubter) BeginCompaction() bool { return false }

// EndCompaction implements Host.
func (d *doubter) EndCompaction() {}

// Pace implements Host.
func (d *doubter) Pace() (rest func()) { return func() {} }

// Finish implements Host.
func (d *doubter) Finish(*Request, Outcome) {}

// LeadershipChanged implements Host.
func (d *doubter) LeadershipChanged(*Replica) {}

// Changed implements Host.
func (d *doubter) Changed(*Replica) {}

// Refuse implements Host.
func (d *doubter) Refuse(*Replica, error) {}

// ask lets time pass until the replica has asked again.
func (d *doubter) ask() {
	clear(d.sent)
	for range askTicks + 1 {
		d.Tick()
	}
}

// answer answers the newest question to a replica.
func (d *doubter) answer(from, term uint64, end position, change func(*howFar)) {
	q := d.sent[from]
	require.NotNil(d.t, q, "replica %d was not asked", from)
	nonce := uint64(0)
	for _, b := range q.GetContext() {
		nonce = nonce<<8 | uint64(b)
	}
	a := howFar{Nonce: nonce, Config: d.config}
	if change != nil {
		change(&a)
	}
	context, err := json.Marshal(a)
	require.NoError(d.t, err)
	d.Step(cluster.NodeID(fmt.Sprint(from)), Message{Raft: &raftpb.Message{
		Type: messageSoFar.Enum(), From: new(from), To: new(uint64(1)), Term: new(term), LogTerm: new(end.term), Index: new(end.index), Context: context,
	}})
}

func leads(a *howFar) { a.Leading = true }

// votesFor tells whether the replica would listen to a candidate whose log ends there.
func (d *doubter) votesFor(end position) bool {
	return !d.abstains(&raftpb.Message{Type: raftpb.MsgVote.Enum(), LogTerm: new(end.term), Index: new(end.index)})
}

func TestACopyInDoubtVotesForNobodyBeforeItKnowsMore(t *testing.T) {
	d := newDoubter(t)
	require.False(t, d.votesFor(position{9, 99}))
	for range 100 { // it stands for no election; Send sees to that
		d.Tick()
		d.Flush()
	}
	require.True(t, d.Doubtful())
}

func TestTheLeadersLogIsAFloor(t *testing.T) {
	d := newDoubter(t)
	d.ask()
	d.answer(2, 5, position{5, 9}, leads)
	require.True(t, d.Doubtful(), "it has entry 3 only")
	require.False(t, d.votesFor(position{5, 8}))
	require.True(t, d.votesFor(position{5, 9}))
	d.stored(&wal.Write{Entries: []wal.Entry{{Term: 5, Index: 8}}})
	require.True(t, d.Doubtful())
	d.stored(&wal.Write{Entries: []wal.Entry{{Term: 5, Index: 9}}})
	require.False(t, d.Doubtful())
	require.True(t, d.votesFor(position{1, 1}), "from now on the library decides")
}

func TestALeaderThatWasReplacedIsNoAnswer(t *testing.T) {
	d := newDoubter(t)
	for range 3 {
		d.ask()
		d.answer(2, 4, position{4, 3}, leads) // of an earlier term, and does not know
		if d.sent[3] != nil {
			d.answer(3, 5, position{4, 3}, nil)
		}
	}
	require.True(t, d.Doubtful())
	require.False(t, d.votesFor(position{9, 99}))
}

func TestWithoutALeaderAllVotersHaveToAnswerTwice(t *testing.T) {
	d := newDoubter(t)
	d.ask()
	d.answer(2, 5, position{4, 3}, nil)
	d.answer(3, 5, position{4, 2}, nil)
	require.True(t, d.Doubtful(), "replica 3 may have confirmed more since, to a leader that led when it answered")
	d.ask()
	d.answer(3, 5, position{4, 4}, nil)
	require.False(t, d.votesFor(position{9, 99}), "one of them is not enough")
	d.answer(2, 5, position{4, 3}, nil)
	require.True(t, d.Doubtful())
	require.False(t, d.votesFor(position{4, 3}))
	require.True(t, d.votesFor(position{4, 4}))
}

func TestAnAnswerToAnEarlierQuestionDoesNotCount(t *testing.T) {
	d := newDoubter(t)
	d.ask()
	late := d.sent[3]
	d.answer(2, 5, position{4, 3}, nil)
	d.answer(3, 5, position{4, 3}, nil)
	d.ask()
	d.answer(2, 5, position{4, 3}, nil)
	d.sent[3] = late
	d.answer(3, 5, position{4, 3}, nil)
	require.True(t, d.Doubtful())
}

func TestACopyThatIsGoneForGoodIsNotWaitedFor(t *testing.T) {
	t.Run("lost", func(t *testing.T) {
		d := newDoubter(t)
		d.lost["c"] = true
		for range 2 {
			d.ask()
			d.answer(2, 5, position{4, 3}, nil)
		}
		require.False(t, d.Doubtful())
	})
	t.Run("refused", func(t *testing.T) {
		d := newDoubter(t)
		for range 2 {
			d.ask()
			d.answer(2, 5, position{4, 3}, nil)
			d.answer(3, 0, position{}, func(a *howFar) { a.Refused, a.Config = true, cluster.Config{} })
		}
		require.False(t, d.Doubtful())
	})
	t.Run("only away", func(t *testing.T) {
		d := newDoubter(t)
		for range 9 {
			d.ask()
			if d.sent[2] != nil {
				d.answer(2, 5, position{4, 3}, nil)
			}
		}
		require.True(t, d.Doubtful())
	})
}

func TestWhoHasANewerConfigurationSaysWhoIsAsked(t *testing.T) {
	d := newDoubter(t)
	newer := func(a *howFar) {
		a.Config = cluster.Config{Index: 7, Voters: []cluster.Replica{{ID: 1, Node: "a"}, {ID: 2, Node: "b"}, {ID: 4, Node: "d"}}}
	}
	for range 2 {
		d.ask()
		d.answer(2, 5, position{4, 3}, newer)
		d.ask()
		require.Nil(t, d.sent[3], "replica 3 is no member any more")
		require.True(t, d.Doubtful())
		d.answer(4, 5, position{4, 3}, newer)
	}
	require.False(t, d.Doubtful())
}
