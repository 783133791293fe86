package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// handClock is moved by hand.
type handClock struct{ mono int64 }

func (c *handClock) Monotonic() int64        { return c.mono }
func (c *handClock) WallMillis() int64       { return c.mono / 1e6 }
func (c *handClock) advance(d time.Duration) { c.mono += d.Nanoseconds() }
func (c *handClock) moveTo(d time.Duration)  { c.mono = d.Nanoseconds() }
func (c *handClock) holds(r *Replica) bool   { _, ok := r.lease.begin(c.mono); return ok }
func leader(config cluster.Config) (*Replica, *handClock) {
	c := &handClock{}
	c.moveTo(time.Hour)
	return &Replica{
		id: 1, clock: c, timing: DefaultTiming(), leading: true, raftTerm: 3, appliedTerm: 3,
		config: config, acked: map[uint64]int64{}, settings: cluster.DefaultSettings(),
	}, c
}

func TestALeaseNeedsAQuorumAndEndsBeforeAVoterMayVote(t *testing.T) {
	r, c := leader(abc())
	r.renewLease()
	require.False(t, c.holds(r), "nobody has answered")

	sent := c.mono
	c.advance(200 * time.Millisecond) // the answer took that long
	r.acknowledge(2, sent)
	require.True(t, c.holds(r), "two of three have answered")

	// A voter may vote for another one promise() after it heard this leader, which
	// was at sent or later; its clock may run a tenth faster.
	fastest := time.Duration(float64(r.timing.promise()) * 0.9)
	c.mono = sent
	c.advance(fastest - time.Millisecond)
	require.True(t, c.holds(r))
	c.advance(time.Millisecond)
	require.False(t, c.holds(r), "counted from when the heartbeat was sent, not from its answer")
}

func TestALeaseInAJointConfigurationNeedsBothQuorums(t *testing.T) {
	config := abc()
	config.Outgoing = config.Voters
	config.Voters = []cluster.Replica{{ID: 1, Node: "a"}, {ID: 4, Node: "d"}, {ID: 5, Node: "e"}}
	r, c := leader(config)
	r.acknowledge(2, c.mono)
	require.False(t, c.holds(r), "only the old voters' quorum")
	r.acknowledge(4, c.mono)
	require.True(t, c.holds(r))

	r, c = leader(config)
	r.acknowledge(4, c.mono)
	require.False(t, c.holds(r), "only the new voters' quorum")
	r.acknowledge(3, c.mono)
	require.True(t, c.holds(r))
}

func TestTwoVotersNeedBoth(t *testing.T) {
	r, c := leader(InitialConfig([]cluster.Replica{{ID: 1, Node: "a"}, {ID: 2, Node: "b"}}))
	r.renewLease()
	require.False(t, c.holds(r))
	r.acknowledge(2, c.mono)
	require.True(t, c.holds(r))
}

func TestNoLeaseBeforeAnEntryOfTheOwnTermIsApplied(t *testing.T) {
	r, c := leader(abc())
	r.appliedTerm = 2
	r.acknowledge(2, c.mono)
	require.False(t, c.holds(r), "what the last leader acknowledged may not be applied yet")
}

func TestNoLeaseAfterAHandOverInTheSameTerm(t *testing.T) {
	r, c := leader(abc())
	r.acknowledge(2, c.mono)
	r.handedOver = true
	r.lease.revoke()
	c.advance(time.Millisecond)
	r.acknowledge(3, c.mono)
	require.False(t, c.holds(r), "the order to campaign may still be on its way")
}

func TestAReadThatALeaseChangeOvertookIsNotAnswered(t *testing.T) {
	r, c := leader(abc())
	r.acknowledge(2, c.mono)
	check, ok := r.lease.begin(c.mono)
	require.True(t, ok)
	require.True(t, r.lease.held(check, c.mono))

	// Stopped after the first check: lost the lease, and even got it again.
	r.lease.revoke()
	r.acknowledge(3, c.mono)
	require.True(t, c.holds(r))
	require.False(t, r.lease.held(check, c.mono))

	// Stopped for longer than the lease.
	check, _ = r.lease.begin(c.mono)
	c.advance(time.Second)
	require.False(t, r.lease.held(check, c.mono))
}
