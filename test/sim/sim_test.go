package sim

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	seed   = flag.Uint64("seed", 0, "run this seed alone, and say what happens; 0: new seeds")
	budget = flag.Duration("budget", 15*time.Second, "how long to try new seeds, in real time")
	file   = flag.String("schedule", "", "run the schedule in this file alone, and say what happens")
	shrink = flag.Duration("shrink", time.Minute, "how long to look for a shorter schedule of a failure")
)

// TestClustersKeepTheirPromisesWhateverFails runs new seeds until its time is up.
func TestClustersKeepTheirPromisesWhateverFails(t *testing.T) {
	if *seed != 0 {
		c := Random(*seed)
		c.Log = t.Output()
		judge(t, Run(c))
		return
	}
	limit := *budget
	if testing.Short() {
		limit /= 5
	}
	first := uint64(time.Now().UnixNano()) % 1e12
	var runs, faults, operations, checks int
	var simulated, recovery time.Duration
	silence := map[string]time.Duration{}
	start := time.Now()
	for ; runs == 0 || time.Since(start) < limit; runs++ {
		r := Run(Random(first + uint64(runs)))
		judge(t, r)
		faults, operations, checks = faults+r.Faults, operations+r.Operations, checks+r.Checks
		simulated, recovery = simulated+r.Simulated, max(recovery, r.Recovery)
		for kind, d := range r.Silence {
			silence[kind] = max(silence[kind], d)
		}
	}
	t.Logf("seeds %d to %d: %v simulated in %v, %d faults, %d operations, %d looks at applied entries, longest recovery %v; longest without an answer, while things failed: %v",
		first, first+uint64(runs)-1, simulated.Round(time.Second), time.Since(start).Round(time.Second), faults, operations, checks, recovery, silence)
}

// judge fails the test with all that is needed to have the failure again.
func judge(t *testing.T, r Result) {
	t.Helper()
	if r.Failure == nil {
		return
	}
	short := Shrink(r.Config, *shrink)
	b, err := json.MarshalIndent(short, "", " ")
	require.NoError(t, err)
	t.Fatalf("seed %d, at %v: %s\n\nAgain: go test ./test/sim -run Promises -v -seed %d\nThe shortest schedule found (%d of %d faults); keep it in test/sim/testdata:\n%s",
		r.Config.Seed, r.Failure.At, r.Failure.Message, r.Config.Seed, len(short.Faults), len(r.Config.Faults), b)
}

// TestOldFailuresStayAway runs the schedules that broke a promise once.
func TestOldFailuresStayAway(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	if *file != "" {
		files = []string{*file}
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			require.NoError(t, err)
			var c Config
			require.NoError(t, json.Unmarshal(b, &c))
			if *file != "" {
				c.Log = t.Output()
			}
			r := Run(c)
			if r.Failure != nil {
				t.Fatalf("at %v: %s", r.Failure.At, r.Failure.Message)
			}
		})
	}
}

// TestASeedRepeats runs seeds twice: everything has to happen again.
func TestASeedRepeats(t *testing.T) {
	for s := uint64(1); s <= 4; s++ {
		a, b := Run(Random(s)), Run(Random(s))
		require.Nil(t, a.Failure, "%+v", a.Failure)
		require.Positive(t, a.Faults)
		require.Equal(t, a.Trace, b.Trace, "seed %d", s)
		require.Equal(t, a.Events, b.Events, "seed %d", s)
	}
	require.NotEqual(t, Run(Random(1)).Trace, Run(Random(2)).Trace)
}

// TestACalmClusterServes shows that the simulation does not live off faults alone:
// without any, every call is answered.
func TestACalmClusterServes(t *testing.T) {
	r := Run(Config{Seed: 1, Machines: 4, Partitions: 4, Replicas: 3, Duration: 20 * time.Second, Faults: []Fault{}})
	require.Nil(t, r.Failure, "%+v", r.Failure)
	require.Greater(t, r.Operations, 1000)
	require.Greater(t, r.Answered, r.Operations*95/100)
	require.Less(t, r.Recovery, 5*time.Second)
}
