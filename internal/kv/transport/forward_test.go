package transport

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 draws one (also RINGKV_SEED)")

// random returns a source of randomness whose seed the log names.
func random(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if s := os.Getenv("RINGKV_SEED"); seed == 0 && s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("run again with -seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// ledger is how a node keeps the requests that others work on.
type ledger struct {
	mu   sync.Mutex
	open map[uint64]bool
	// resolved counts by how: answered, lost with a link, and not sent.
	answered, lost, unsent int
}

func (l *ledger) add(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[id] = true
}

func (l *ledger) resolve(id uint64, count *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[id] {
		delete(l.open, id)
		*count++
	}
}

func (l *ledger) loseAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost += len(l.open)
	clear(l.open)
}

func (l *ledger) left() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// ledgerHandler resolves requests as a node does.
type ledgerHandler struct {
	*testNode
	*ledger
}

func (h *ledgerHandler) ForwardReply(_ cluster.NodeID, r *ForwardReply) {
	h.resolve(r.ID, &h.answered)
}

func (h *ledgerHandler) Unreachable(cluster.NodeID) { h.loseAll() }

// Whatever breaks and whenever: a request that was taken gets an answer, or the
// handler is told that the link broke after it was taken. Nobody waits for ever.
func TestNoForwardIsForgotten(t *testing.T) {
	checkLeaks(t)
	rng := random(t)
	cutA, cutB := newCutter(), newCutter()
	h := &ledgerHandler{ledger: &ledger{open: map[uint64]bool{}}}
	b := newTestNode(t, 2, quick, func(c *Config) { c.Dial = cutB.dial })
	b.onForward(func(from cluster.NodeID, r *ForwardRequest) {
		b.SendForwardReply(from, &ForwardReply{ID: r.ID, Status: ForwardOK})
	})
	h.testNode = newTestNode(t, 1, quick, func(c *Config) { c.Handler, c.Dial = h, cutA.dial })
	a := h.testNode
	introduceAll(a, b)

	var stop, running = make(chan struct{}), sync.WaitGroup{}
	var gate sync.RWMutex // the workers hold it for reading
	for worker := range uint64(4) {
		running.Go(func() {
			for i := worker << 32; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				gate.RLock()
				h.add(i)
				if a.SendForward(b.id, &ForwardRequest{ID: i, Args: [][]byte{[]byte("PING")}}) != nil {
					h.resolve(i, &h.unsent)
				}
				gate.RUnlock()
			}
		})
	}
	rounds := 25
	if testing.Short() {
		rounds = 6
	}
	settled := func() bool { return h.left() == 0 }
	for range rounds {
		a.waitLinked(b)
		gate.Lock()
		require.Eventually(t, settled, within, time.Millisecond, "requests that nobody resolves")
		gate.Unlock()
		pause := time.NewTimer(time.Duration(rng.IntN(20)) * time.Millisecond)
		<-pause.C // disturb at any moment of a link's life
		switch rng.IntN(5) {
		case 0:
			cutA.closeAll()
		case 1:
			cutB.closeAll()
		case 2:
			cutA.closeAll()
			cutB.closeAll()
		case 3:
			cutA.cut(rng.IntN(2) == 0, rng.IntN(2) == 0)
			cutB.cut(rng.IntN(2) == 0, rng.IntN(2) == 0)
			pause := time.NewTimer(time.Duration(rng.IntN(int(2 * deadAfter))))
			<-pause.C
			cutA.cut(false, false)
			cutB.cut(false, false)
		case 4:
			b.restart()
			b.SetPeers(map[cluster.NodeID]string{a.id: a.address()})
		}
	}
	close(stop)
	running.Wait()
	require.Eventually(t, settled, within, time.Millisecond, "requests that nobody resolves")
	t.Logf("answered %d, lost with a link %d, not sent %d", h.answered, h.lost, h.unsent)
	require.NotZero(t, h.answered)
	require.NotZero(t, h.lost)
}
