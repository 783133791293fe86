package replica

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// stand is a replica with nothing around it but the test, which is its host: it
// decides when the log syncs and what comes from the other voters, 2 and 3.
type stand struct {
	t     *testing.T
	r     *Replica
	fs    *crashfs.FS
	log   *wal.Log
	work  func() time.Duration // of the log
	clock *handClock

	sent     []*raftpb.Message // since the last look
	posted   []func()
	finished map[*Request]Outcome

	compacting, ended int // compactions of others under way, and those that this replica ended
}

// newStand starts voter 1 of three on an empty log.
func newStand(t *testing.T) *stand { return newStandOf(t, abc().Voters) }

// newStandOf starts voter 1 of some on an empty log.
func newStandOf(t *testing.T, voters []cluster.Replica) *stand {
	s := &stand{t: t, fs: crashfs.New(), clock: &handClock{}, finished: map[*Request]Outcome{}}
	s.clock.moveTo(time.Hour)
	s.openLog()
	w, err := Create(0, 1, voters)
	require.NoError(t, err)
	s.log.Append(w)
	s.work()
	s.start(&wal.Replica{Replica: 1, Create: w.Create, HardState: *w.HardState, Snapshot: w.Snapshot})
	return s
}

func (s *stand) openLog() *wal.Recovery {
	l, found, err := wal.Open(wal.Options{
		FS: s.fs, Dir: "/log", NodeID: "a", SegmentBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler),
		Clock: func() time.Time { return time.Unix(0, s.clock.mono) }, Manual: func(work func() time.Duration) { s.work = work },
	})
	require.NoError(s.t, err)
	s.log = l
	return found
}

func (s *stand) start(found *wal.Replica) {
	var err error
	s.r, err = New(Options{
		Partitions: 1, ID: 1, Node: "a", Host: s, Clock: s.clock, Log: s.log.Group(0), FS: s.fs, SnapshotDir: "/log/snapshots",
		Logger: slog.New(slog.DiscardHandler), Timing: DefaultTiming(), Settings: cluster.DefaultSettings(),
	}, found)
	require.NoError(s.t, err)
}

// crash ends the replica without a word and starts it on what is on stable storage.
func (s *stand) crash() {
	s.fs = s.fs.Crash(0, 0)
	s.sent, s.posted = nil, nil
	s.start(s.openLog().Replicas[0])
}

// round lets the replica act until nothing is left to do but what the log has to say.
func (s *stand) round() {
	for {
		s.r.Flush()
		if len(s.posted) == 0 {
			return
		}
		posted := s.posted
		s.posted = nil
		for _, fn := range posted {
			fn()
		}
	}
}

// sync makes the log durable and lets the replica act on it.
func (s *stand) sync() {
	s.round()
	s.work()
	s.round()
}

// step hands the replica a message from a voter, and lets it act.
func (s *stand) step(from uint64, m *raftpb.Message) {
	s.stepStamped(from, Message{Raft: m})
}

func (s *stand) stepStamped(from uint64, m Message) {
	m.Raft.From, m.Raft.To = new(from), new(uint64(1))
	s.r.Step(cluster.NodeID(rune('a'+from-1)), m)
	s.round()
}

// take returns what was sent since it was called last, of one type.
func (s *stand) take(typ raftpb.MessageType) []*raftpb.Message {
	var out []*raftpb.Message
	for _, m := range s.sent {
		if m.GetType() == typ {
			out = append(out, m)
		}
	}
	s.sent = nil
	return out
}

// lead makes the replica leader, with its first entry committed.
func (s *stand) lead() (term uint64) {
	require.NoError(s.t, s.r.rn.Campaign())
	s.sync()
	term = s.r.rn.BasicStatus().GetTerm()
	s.step(2, &raftpb.Message{Type: raftpb.MsgPreVoteResp.Enum(), Term: new(term + 1)})
	s.sync()
	term = s.r.rn.BasicStatus().GetTerm()
	s.step(2, &raftpb.Message{Type: raftpb.MsgVoteResp.Enum(), Term: new(term)})
	s.sync()
	s.confirm(2)
	require.True(s.t, s.r.leading && s.r.appliedTerm == term, "leads, and has applied an entry of its term")
	return term
}

// confirm lets a voter say that it has all entries.
func (s *stand) confirm(voter uint64) {
	s.step(voter, &raftpb.Message{Type: raftpb.MsgAppResp.Enum(), Term: new(s.r.raftTerm), Index: new(s.r.log.LastIndex())})
	s.sync()
}

// submit queues a write that waits for a second at most.
func (s *stand) submit(args ...string) *Request {
	raw := make([][]byte, len(args))
	for i, a := range args {
		raw[i] = []byte(a)
	}
	spec := command.Executable(raw)
	require.NotNil(s.t, spec)
	c := &Request{Call: command.NewCall(spec, raw, 2), Write: spec.IsWrite(), Deadline: s.clock.mono + time.Second.Nanoseconds()}
	s.r.Submit(c)
	s.round()
	return c
}

// requireOutcome fails unless the request came back so.
func (s *stand) requireOutcome(want Outcome, c *Request) {
	s.t.Helper()
	got, done := s.finished[c]
	require.True(s.t, done, "%q is not finished", c.Call.Args)
	require.Equal(s.t, want, got, "%q", c.Call.Args)
}

func (s *stand) requireOpen(c *Request) {
	s.t.Helper()
	require.NotContains(s.t, s.finished, c, "%q is finished", c.Call.Args)
}

// read returns what the replica holds, as of a time in milliseconds.
func (s *stand) read(now int64, args ...string) string {
	raw := make([][]byte, len(args))
	for i, a := range args {
		raw[i] = []byte(a)
	}
	c := command.NewCall(command.Executable(raw), raw, 2)
	s.r.contexts.Read(c, s.r.store.Load(), now, 0, 1)
	return string(c.Out.Buf)
}

// Send implements Host.
func (s *stand) Send(_ cluster.NodeID, _ uint32, m Message) { s.sent = append(s.sent, m.Raft) }

// SendSnapshot implements Host.
func (s *stand) SendSnapshot(_ cluster.NodeID, _ SnapshotHeader, body io.ReadCloser, done func(error)) {
	body.Close()
	done(io.ErrClosedPipe)
}

// Write implements Host.
func (s *stand) Write(w *wal.Write) { s.log.Append(w) }

// Post implements Host.
func (s *stand) Post(_ *Replica, fn func()) { s.posted = append(s.posted, fn) }

// Wake implements Host.
func (s *stand) Wake(*Replica) {}

// Background implements Host.
func (s *stand) Background(fn func()) { fn() }

// BeginCompaction implements Host.
func (s *stand) BeginCompaction() bool { return s.compacting == 0 }

// EndCompaction implements Host.
func (s *stand) EndCompaction() { s.ended++ }

// Pace implements Host.
func (s *stand) Pace() (rest func()) { return func() {} }

// Finish implements Host.
func (s *stand) Finish(c *Request, o Outcome) { s.finished[c] = o }

// LeadershipChanged implements Host.
func (s *stand) LeadershipChanged(*Replica) {}

// Changed implements Host.
func (s *stand) Changed(*Replica) {}

// Lost implements Host.
func (s *stand) Lost(cluster.NodeID) bool { return false }

// Refuse implements Host.
func (s *stand) Refuse(_ *Replica, reason error) { s.t.Errorf("refused: %v", reason) }
