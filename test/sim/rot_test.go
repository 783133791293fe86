package sim

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestACopyThatForgotItsLastWritesElectsNobodyWhoLacksThem makes one of two copies that
// have the newest writes forget them, while the third was away for a moment, and then
// takes the other one away.
func TestACopyThatForgotItsLastWritesElectsNobodyWhoLacksThem(t *testing.T) {
	for seed := range uint64(2) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := Config{Seed: seed, Machines: 3, Partitions: 1, Replicas: 3, Duration: 3 * time.Minute}
		for at := calm; at < c.Duration; at += 12 * time.Second {
			order := random.Perm(3)
			rot := at + between(random, 20*time.Millisecond, 250*time.Millisecond)
			c.Faults = append(c.Faults,
				Fault{At: at, Kind: "isolation", Machine: order[0], N: 2, For: rot + 5*time.Millisecond - at},
				Fault{At: rot, Kind: "rot", Machine: order[1], N: random.IntN(1<<14)*64 + 1, For: 50 * time.Millisecond},
				Fault{At: rot + time.Millisecond, Kind: "isolation", Machine: order[2], N: 2, For: 4 * time.Second})
		}
		r := Run(c)
		require.Nil(t, r.Failure, "seed %d: %+v", seed, r.Failure)
		require.Greater(t, r.Faults, 20)
	}
}
