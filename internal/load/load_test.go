package load

import (
	"context"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// seed is random, or what RINGKV_SEED says; it is printed by the tests that use
// it.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("RINGKV_SEED"); s != "" {
		var err error
		n, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("RINGKV_SEED=%d", n)
	return n
}

func newLoad(t *testing.T, o Options) *Load {
	t.Helper()
	if o.Keys == 0 {
		o.Keys = 40
	}
	if o.Workers == 0 {
		o.Workers = 4
	}
	o.Seed = seed(t)
	l, err := New(o)
	require.NoError(t, err)
	return l
}

// budget is more than any step of these tests needs.
const budget = time.Minute

func withBudget(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	t.Cleanup(cancel)
	return ctx
}

// runUntil runs the load until the condition on its statistics holds.
func runUntil(t *testing.T, l *Load, condition func(Stats) bool) Stats {
	t.Helper()
	ctx, cancel := context.WithCancel(withBudget(t))
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	require.Eventually(t, func() bool { return condition(l.Stats()) }, budget, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	return l.Stats()
}

func done(operations uint64) func(Stats) bool {
	return func(s Stats) bool { return s.Total.Reads.Succeeded+s.Total.Writes.Succeeded >= operations }
}

func TestRightServerPasses(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}, ReadFraction: 0.5, Pipeline: 3})
	require.NoError(t, l.Fill(withBudget(t)))
	require.Equal(t, 40, l.Stats().Written)
	stats := runUntil(t, l, done(5000))
	v := l.Verify(withBudget(t))

	require.True(t, NewAccount(stats, v).OK, "%+v %+v", stats, v)
	require.Equal(t, Verification{Acknowledged: 40, Read: 40, Keys: 40}, *v)
	require.NotZero(t, stats.Total.Reads.Succeeded)
	require.NotZero(t, stats.Total.Writes.Latency.P99)
	require.Zero(t, stats.Total.Writes.Unknown+stats.Total.Writes.Refused+stats.Late)
	require.Empty(t, stats.LastError)
}

func TestLostAcknowledgedWriteIsFound(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}})
	require.NoError(t, l.Fill(withBudget(t)))
	// The next write of one key is acknowledged and forgotten, and another key
	// vanishes as a whole.
	forgotten, vanished := keyName(l.options.Prefix, 7), keyName(l.options.Prefix, 8)
	s.do(func() {
		delete(s.data, vanished)
		s.set = func(_ *server, key, _ string) (string, bool) { return "+OK\r\n", key != forgotten }
	})
	w := l.workers[7%4]
	w.do(t.Context(), Write, []int{7 / 4})

	v := l.Verify(withBudget(t))
	require.Equal(t, 2, v.Lost)
	require.False(t, v.OK())
	require.Len(t, v.Samples, 2)
	byKey := map[string]Violation{v.Samples[0].Key: v.Samples[0], v.Samples[1].Key: v.Samples[1]}
	require.Equal(t, []uint64{2}, byKey[forgotten].Expected)
	require.Contains(t, byKey[forgotten].Found, `"1 `+forgotten)
	require.Equal(t, []uint64{1}, byKey[vanished].Expected)
	require.Equal(t, "(none)", byKey[vanished].Found)
}

func TestStaleReadIsFound(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}, ReadFraction: 0.5})
	require.NoError(t, l.Fill(withBudget(t)))
	// Every hundredth read returns what the key held before its last write.
	previous := make(map[string]string)
	reads := 0
	s.do(func() {
		s.set = func(s *server, key, _ string) (string, bool) {
			previous[key] = s.data[key]
			return "+OK\r\n", true
		}
		s.get = func(s *server, key string) (string, bool) {
			if reads++; reads%100 == 0 && previous[key] != "" {
				return previous[key], true
			}
			return s.data[key], true
		}
	})
	stats := runUntil(t, l, func(s Stats) bool { return s.Violations.Older > 0 })
	require.Equal(t, FaultOlder, stats.Violations.Samples[0].Fault)
	s.do(func() { s.get = nil })

	// The data are all there, and yet the account is not right.
	v := l.Verify(withBudget(t))
	require.True(t, v.OK())
	require.False(t, NewAccount(stats, v).OK)
}

func TestValueOfAnotherKeyIsFound(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}})
	require.NoError(t, l.Fill(withBudget(t)))
	s.do(func() {
		s.data[keyName(l.options.Prefix, 3)] = s.data[keyName(l.options.Prefix, 4)]
		s.data[keyName(l.options.Prefix, 5)] += "!"
		s.data[keyName(l.options.Prefix, 6)] = string(appendValue(nil, keyName(l.options.Prefix, 6), 9, l.options.ValueBytes))
	})
	v := l.Verify(withBudget(t))
	require.Equal(t, 3, v.Wrong)
	for _, sample := range v.Samples {
		require.Equal(t, FaultForeign, sample.Fault)
	}
}

func TestExecutedRefusalIsFound(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}})
	require.NoError(t, l.Fill(withBudget(t)))
	// TRYAGAIN promises that nothing happened.
	s.do(func() { s.set = func(*server, string, string) (string, bool) { return "-TRYAGAIN later\r\n", true } })
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // one attempt only
	l.workers[0].do(ctx, Write, []int{0})

	v := l.Verify(withBudget(t))
	require.Equal(t, 1, v.Wrong)
	require.Equal(t, FaultRefused, v.Samples[0].Fault)
}

func TestUnknownOutcomesMayGoEitherWay(t *testing.T) {
	for _, fault := range []struct{ name, answer string }{
		{"the server says so", "-UNKNOWNRESULT no answer from the leader\r\n"},
		{"an error that promises nothing", "-ERR internal error\r\n"},
		{"the connection breaks", ""},
	} {
		t.Run(fault.name, func(t *testing.T) {
			s := startServer(t)
			l := newLoad(t, Options{Addresses: []string{s.address()}, ReadFraction: 0.5})
			var n int
			s.do(func() {
				s.set = func(*server, string, string) (string, bool) {
					switch n++; n % 5 {
					case 0:
						return fault.answer, true
					case 1:
						return fault.answer, false
					default:
						return "+OK\r\n", true
					}
				}
			})
			stats := runUntil(t, l, func(s Stats) bool { return s.Total.Writes.Unknown > 200 })
			require.Zero(t, stats.Violations.Total(), "%+v", stats.Violations)
			require.True(t, l.Verify(withBudget(t)).OK())
			require.Zero(t, stats.Late)
		})
	}
}

func TestWriteOfUnknownOutcomeThatLandsLateIsLegalOnce(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}})
	var held string
	s.do(func() {
		s.set = func(_ *server, _, value string) (string, bool) {
			if held == "" {
				held = value
				return "-UNKNOWNRESULT\r\n", false
			}
			return "+OK\r\n", true
		}
	})
	key := keyName(l.options.Prefix, 0)
	l.workers[0].do(t.Context(), Write, []int{0})
	var acknowledged string
	s.do(func() { acknowledged, s.data[key] = s.data[key], held })
	v := l.Verify(withBudget(t))
	require.True(t, v.OK())
	require.Equal(t, 1, v.Late)
	require.Equal(t, FaultLate, v.Samples[0].Fault)
	require.Equal(t, []uint64{2, 1}, v.Samples[0].Expected)
	require.Len(t, v.Samples[0].History, 3, "%q", v.Samples[0].History)
	require.Contains(t, v.Samples[0].History[0], "write 1: outcome unknown")
	require.Contains(t, v.Samples[0].History[1], "write 2: succeeded")
	require.Contains(t, v.Samples[0].History[2], "read 1: succeeded")

	// It has replaced the acknowledged one, which cannot come back.
	s.do(func() { s.data[key] = acknowledged })
	require.Equal(t, 1, l.Verify(withBudget(t)).Lost)
}

func TestRefusalsAreRetriedUntilSuccess(t *testing.T) {
	for _, refusal := range []string{"-CLUSTERDOWN no leader\r\n", "-TRYAGAIN\r\n", "-LOADING\r\n", "-OOM limit\r\n"} {
		s := startServer(t)
		l := newLoad(t, Options{Addresses: []string{s.address()}})
		var n int
		s.do(func() {
			s.set = func(*server, string, string) (string, bool) {
				if n++; n%4 != 0 {
					return refusal, false
				}
				return "+OK\r\n", true
			}
		})
		require.NoError(t, l.Fill(withBudget(t)))
		stats := l.Stats()
		require.EqualValues(t, 40, stats.Total.Writes.Succeeded)
		require.EqualValues(t, 120, stats.Total.Writes.Refused)
		require.Zero(t, stats.Total.Writes.Unknown)
		require.Contains(t, stats.LastError, refusal[1:len(refusal)-2])
		require.True(t, l.Verify(withBudget(t)).OK())
	}
}

func TestBrokenConnectionGoesToTheNextAddress(t *testing.T) {
	gone, s := startServer(t), startServer(t)
	gone.stop()
	l := newLoad(t, Options{Addresses: []string{gone.address(), s.address()}, ReadFraction: 0.5})
	require.NoError(t, l.Fill(withBudget(t)))
	stats := runUntil(t, l, done(1000))
	require.Zero(t, stats.Total.Writes.Unknown, "a refused connection carries no command")
	require.NotZero(t, stats.Total.Writes.Refused)
	require.True(t, l.Verify(withBudget(t)).OK())
}

func TestNewAddressesAreUsedByLiveConnections(t *testing.T) {
	first, second := startServer(t), startServer(t)
	var moved atomic.Bool
	second.set = func(*server, string, string) (string, bool) {
		moved.Store(true)
		return "+OK\r\n", true
	}
	l := newLoad(t, Options{Addresses: []string{first.address()}})
	ctx, cancel := context.WithCancel(withBudget(t))
	finished := make(chan error, 1)
	go func() { finished <- l.Run(ctx) }()
	require.Eventually(t, func() bool { return done(100)(l.Stats()) }, budget, time.Millisecond)
	l.SetAddresses([]string{second.address()})
	require.Eventually(t, moved.Load, budget, time.Millisecond)
	cancel()
	require.NoError(t, <-finished)
}

func TestPauseIsMeasuredFromTheWishToTheSuccess(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}, ReadFraction: 0.5})
	require.NoError(t, l.Fill(withBudget(t)))
	ctx, cancel := context.WithCancel(withBudget(t))
	finished := make(chan error, 1)
	go func() { finished <- l.Run(ctx) }()
	l.Phase("calm")
	require.Eventually(t, func() bool { return done(500)(l.Stats()) }, budget, time.Millisecond)

	const outage = 2 * time.Second // longer than a busy machine lets anybody wait
	l.Phase("outage")
	s.stop()
	stopped := time.Now()
	// An operation that still waits shows at once.
	require.Eventually(t, func() bool {
		return l.Stats().Phase("outage").LongestPause().Millis.Duration() >= outage
	}, budget, time.Millisecond)
	s.restart()
	restarted := time.Now()
	length := restarted.Sub(stopped)
	require.Eventually(t, func() bool { // nobody waits since the outage
		return !slices.ContainsFunc(l.workers, func(w *worker) bool {
			u := w.underWay()
			return !u.began.IsZero() && u.began.Before(restarted)
		})
	}, budget, time.Millisecond)
	l.Phase("after")
	n := l.Stats().Total.Writes.Succeeded
	require.Eventually(t, func() bool { return l.Stats().Total.Writes.Succeeded > n+100 }, budget, time.Millisecond)
	cancel()
	require.NoError(t, <-finished)

	stats := l.Stats()
	outagePause := stats.Phase("outage").LongestPause()
	require.GreaterOrEqual(t, outagePause.Millis.Duration(), outage)
	require.Less(t, outagePause.Millis.Duration(), length+10*time.Second)
	require.WithinDuration(t, stopped, outagePause.At, 10*time.Second)
	require.Contains(t, outagePause.Key, l.options.Prefix)
	require.GreaterOrEqual(t, stats.Phase("outage").Writes.Gap.Millis.Duration(), outage/2)
	require.Less(t, stats.Phase("after").LongestPause().Millis.Duration(), outage)
	require.Equal(t, stats.Total.LongestPause(), outagePause)
	require.GreaterOrEqual(t, stats.Total.Writes.Latency.Max+stats.Total.Reads.Latency.Max, MillisOf(outage))
}

func TestVerifyRunsBesideTheLoad(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}, ReadFraction: 0.3, Pipeline: 4})
	require.NoError(t, l.Fill(withBudget(t)))
	ctx, cancel := context.WithCancel(withBudget(t))
	finished := make(chan error, 1)
	go func() { finished <- l.Run(ctx) }()
	for range 20 {
		require.True(t, l.Verify(ctx).OK())
	}
	require.ErrorIs(t, l.Run(ctx), ErrRunning)
	cancel()
	require.NoError(t, <-finished)
}

func TestUnreadKeysAreNotCalledRight(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}})
	require.NoError(t, l.Fill(withBudget(t)))
	s.do(func() { s.getError = "-CLUSTERDOWN no leader\r\n" })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	v := l.Verify(ctx)
	require.False(t, v.OK())
	require.Zero(t, v.Read)
	require.Contains(t, v.LastError, "CLUSTERDOWN")
}

func TestRateIsAnUpperBound(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}, Rate: 500})
	stats := runUntil(t, l, done(300))
	// The first tenth of a second may go at once.
	most := 500*(float64(stats.Total.Millis)/1e3) + 50 + 1
	require.LessOrEqual(t, float64(stats.Total.Writes.Succeeded), most)
}

func TestBadOptionsAreRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"no address":       {},
		"address no port":  {Addresses: []string{"localhost"}},
		"fraction above 1": {Addresses: []string{"h:1"}, ReadFraction: 1.5},
		"negative rate":    {Addresses: []string{"h:1"}, Rate: -1},
		"too few keys":     {Addresses: []string{"h:1"}, Keys: 2, Workers: 4},
		"negative keys":    {Addresses: []string{"h:1"}, Keys: -5},
		"huge value":       {Addresses: []string{"h:1"}, ValueBytes: 1 << 30},
	} {
		_, err := New(o)
		require.Error(t, err, name)
	}
}
