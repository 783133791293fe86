//go:build linux

package chaos

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryKindOfFaultComesSoon(t *testing.T) {
	for range 200 {
		seed, m := rand.Uint64(), &means{}
		owed := slices.Clone(allKinds)
		for round := 1; len(owed) > 0; round++ {
			require.LessOrEqual(t, round, 6, "seed %d: still owed: %d", seed, len(owed))
			for i, f := range schedule(seed, round, roundLength, m, false, owed) {
				require.True(t, i == 0 || !losing(f.kind), "seed %d: what takes data away comes when all is whole", seed)
				owed = slices.DeleteFunc(owed, func(k *kind) bool { return k == f.kind })
			}
		}
	}
}

func TestASeedRepeatsItsSchedule(t *testing.T) {
	m := &means{noFUSE: "there is none"}
	for round := range 5 {
		faults := schedule(7, round, roundLength, m, round%2 == 0, processKinds)
		require.NotEmpty(t, faults)
		require.Equal(t, printed(faults), printed(schedule(7, round, roundLength, m, round%2 == 0, processKinds)))
		require.NotEqual(t, printed(faults), printed(schedule(8, round, roundLength, m, round%2 == 0, processKinds)))
	}
}

func printed(faults []fault) (lines []string) {
	for _, f := range faults {
		lines = append(lines, f.String())
	}
	return lines
}

func TestNothingComesThatTheMachineDoesNotAllow(t *testing.T) {
	m := &means{noSandbox: "there is none"}
	for round := range 20 {
		for _, f := range schedule(rand.Uint64(), round, roundLength, m, true, nil) {
			require.True(t, f.kind.gentle)
			require.True(t, f.kind.possible == nil || f.kind.possible(m), f.kind.name)
		}
	}
	require.Equal(t, []string{m.noSandbox}, m.needed())
	require.Empty(t, (&means{noFUSE: "there is none"}).needed())
}
