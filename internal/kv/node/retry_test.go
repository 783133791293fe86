package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/replica"
)

// pauses is a driver that notes after what time it should call.
type pauses struct {
	Driver
	asked []time.Duration
}

// AfterFunc implements Driver.
func (p *pauses) AfterFunc(d time.Duration, _ func()) { p.asked = append(p.asked, d) }

// Monotonic implements replica.Clock.
func (*pauses) Monotonic() int64 { return 0 }

func TestARefusedCallWaitsForNoTimerWhenAnotherNodeLeadsByNow(t *testing.T) {
	for name, c := range map[string]struct {
		leads, asked cluster.NodeID
		pause        time.Duration
	}{
		"nobody leads":                     {pause: newsTimeout},
		"the one that refused leads":       {leads: "a", asked: "a", pause: retryAfter},
		"another one leads":                {leads: "b", asked: "a"},
		"somebody leads, nobody was asked": {leads: "b"},
	} {
		t.Run(name, func(t *testing.T) {
			driver := &pauses{}
			n := &Node{opts: Options{Driver: driver}, clock: driver}
			v := &view{routing: newRouting("self", 1, stopped)}
			if c.leads != "" {
				require.True(t, v.routing.learn(led(1, 1, c.leads), false))
			}
			n.tryLater(v, &replica.Request{Asked: c.asked, Deadline: time.Minute.Nanoseconds()})
			require.Equal(t, []time.Duration{c.pause}, driver.asked)
		})
	}
}
