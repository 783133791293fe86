package bench

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/ring"
)

// ringOf is a small Redis Cluster: each server has some of 64 equal runs of slots.
type ringOf struct {
	servers []*server
	owner   [64]atomic.Int32 // of each run
	hidden  bool             // the map names servers by names that only Reach knows
	asked   atomic.Int32     // how often the map was
}

func serveCluster(t *testing.T, n int) *ringOf {
	c := new(ringOf)
	for i := range n {
		s := serve(t)
		s.route = func(words []string) string { return c.route(i, words) }
		c.servers = append(c.servers, s)
	}
	for run := range c.owner {
		c.owner[run].Store(int32(run % n))
	}
	return c
}

func (c *ringOf) name(i int32) (host, port string) {
	if c.hidden {
		return fmt.Sprintf("server-%d.invalid", i), "6380"
	}
	host, port, _ = net.SplitHostPort(c.servers[i].address())
	return host, port
}

func (c *ringOf) route(self int, words []string) string {
	if words[0] == "CLUSTER" {
		c.asked.Add(1)
		var b strings.Builder
		fmt.Fprintf(&b, "*%d\r\n", len(c.owner))
		for run := range c.owner {
			host, port := c.name(c.owner[run].Load())
			first := run * ring.Slots / len(c.owner)
			fmt.Fprintf(&b, "*3\r\n:%d\r\n:%d\r\n*3\r\n$%d\r\n%s\r\n:%s\r\n$2\r\nid\r\n", first, first+ring.Slots/len(c.owner)-1, len(host), host, port)
		}
		return b.String()
	}
	slot := int(ring.Slot([]byte(words[1])))
	if owner := c.owner[slot*len(c.owner)/ring.Slots].Load(); int(owner) != self {
		host, port := c.name(owner)
		return fmt.Sprintf("-MOVED %d %s\r\n", slot, net.JoinHostPort(host, port))
	}
	return ""
}

// options ask the first server alone.
func (c *ringOf) options() Options {
	o := options(c.servers[0])
	o.ClusterMode, o.Pipeline = true, 16
	return o
}

func TestACommandGoesToTheServerOfItsKey(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		c := serveCluster(t, 3)
		c.hidden = hidden
		o := c.options()
		if hidden {
			o.Reach = map[string]string{}
			for i, s := range c.servers {
				host, port := c.name(int32(i))
				o.Reach[net.JoinHostPort(host, port)] = s.address()
			}
		}
		require.NoError(t, Fill(t.Context(), o))
		r, err := Run(t.Context(), o, nil)
		require.NoError(t, err)
		require.EqualValues(t, o.Count, r.Operations)
		require.Zero(t, r.Missing)
		require.Zero(t, r.Redirected, "the map is right")
		var keys int
		for _, s := range c.servers {
			require.NotEmpty(t, s.values)
			keys += len(s.values)
		}
		require.Equal(t, o.Keys, keys)
	}
}

func TestACommandIsSentOnToWhereItsSlotHasMoved(t *testing.T) {
	c := serveCluster(t, 3)
	o := c.options()
	c.servers[1].before = func(n int) string {
		if n == 100 { // every run of slots comes to the third server
			for run := range c.owner {
				c.owner[run].Store(2)
			}
		}
		return ""
	}
	o.Count = 5000
	r, err := Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.EqualValues(t, o.Count, r.Operations)
	require.Zero(t, r.Failed)
	require.NotZero(t, r.Redirected)
	require.Less(t, r.Redirected, o.Count/4, "what was learned is remembered: there are 500 keys")
	require.EqualValues(t, o.Count, sum(t, &r.Reads)+sum(t, &r.Writes), "each counts once")
	require.EqualValues(t, 1, c.asked.Load(), "MOVED says enough")
}

func TestAfterABrokenConnectionTheClusterIsAskedAgain(t *testing.T) {
	c := serveCluster(t, 3)
	o := c.options()
	var down atomic.Bool
	c.servers[1].before = func(n int) string {
		if n >= 100 {
			for run := range c.owner {
				c.owner[run].CompareAndSwap(1, 2)
			}
			down.Store(true)
			return hangUp
		}
		return ""
	}
	o.Count = 20_000
	r, err := Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.True(t, down.Load())
	require.EqualValues(t, o.Count, r.Operations+r.Failed)
	require.NotZero(t, r.Errors["connection"])
	require.Less(t, r.Failed, o.Count/2, "who has the slots now is asked")
	require.Greater(t, c.asked.Load(), int32(1))
}

func TestACommandThatIsSentInCirclesFails(t *testing.T) {
	c := serveCluster(t, 2)
	o := c.options()
	o.Count = 50
	c.servers[0].route = func(words []string) string {
		if words[0] == "CLUSTER" {
			return c.route(0, words)
		}
		return "-MOVED 0 " + c.servers[1].address() + "\r\n"
	}
	c.servers[1].route = func([]string) string { return "-MOVED 0 " + c.servers[0].address() + "\r\n" }
	r, err := Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.EqualValues(t, o.Count, r.Errors["MOVED"])
	require.EqualValues(t, o.Count*maxRedirects, r.Redirected)
}

func TestWhatIsNoClusterIsAClearError(t *testing.T) {
	s := serve(t)
	o := options(s)
	o.ClusterMode = true
	for answer, want := range map[string]string{
		"-ERR This instance has cluster support disabled\r\n": "cluster support disabled",
		"*0\r\n": "no server has slot 0",
		"*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\nh\r\n:1\r\n": "not an answer of a Redis server",
		"*1\r\n*1\r\n:0\r\n": "not an answer of a Redis server",
	} {
		s.mu.Lock()
		s.route = func([]string) string { return answer }
		s.mu.Unlock()
		_, err := Run(t.Context(), o, nil)
		require.ErrorContains(t, err, want)
	}
	s.listener.Close()
	o.Timeout = time.Second
	_, err := Run(t.Context(), o, nil)
	require.ErrorContains(t, err, "connection refused")
}
