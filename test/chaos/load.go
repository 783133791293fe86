//go:build linux

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/ring"
	"github.com/ringkv/ringkv/test/history"
)

const (
	clientCount = 12
	// operationsEvery is how long a client rests after an operation, on the average.
	operationsEvery = 30 * time.Millisecond
	// activeGroups are under load at a time. A group takes a bounded part in the run, so
	// that its history can be judged: the search takes the longer the more outcomes in it
	// are unknown.
	activeGroups    = 24
	groupOperations = 250
	groupUnknowns   = 6
)

// load is clients of all kinds, and what they did and saw.
type load struct {
	c      *chaos
	serial atomic.Int64 // makes every written value unique

	gate sync.RWMutex // held for writing while the clients rest

	mu      sync.Mutex
	groups  []*group       // all that were not judged yet; guarded by mu
	active  []*group       // guarded by mu
	counts  map[tally]int  // guarded by mu
	refused map[string]int // why; guarded by mu
	made    int            // groups, ever; guarded by mu

	judged struct{ histories, operations int } // so far
}

// tally is what operations are counted by.
type tally struct {
	kind    string
	outcome history.Outcome
}

// group is keys with one hash tag. Operations on them may be atomic together, and so
// they are judged together. It has two registers (a, b) and two counters (c, d).
type group struct {
	tag       string
	partition uint32

	mu         sync.Mutex
	operations []*history.Operation // guarded by mu
	unknowns   int                  // guarded by mu
}

func (g *group) key(name string) string { return "{" + g.tag + "}" + name }

func (g *group) keys() []string { return []string{g.key("a"), g.key("b"), g.key("c"), g.key("d")} }

// add takes note of an operation, and tells whether the group has had its part.
func (g *group) add(o *history.Operation) (done bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.operations = append(g.operations, o)
	if o.Outcome == history.Unknown && o.Writes() {
		g.unknowns++
	}
	return len(g.operations) >= groupOperations || g.unknowns >= groupUnknowns
}

func newLoad(c *chaos) *load {
	l := &load{c: c, counts: map[tally]int{}, refused: map[string]int{}}
	for range activeGroups {
		l.active = append(l.active, l.newGroup())
	}
	return l
}

// newGroup makes a group; the caller holds mu.
func (l *load) newGroup() *group {
	tag := "g" + strconv.Itoa(l.made)
	l.made++
	g := &group{tag: tag, partition: ring.Partition(ring.Slot([]byte("{"+tag+"}")), partitions)}
	l.groups = append(l.groups, g)
	return g
}

// retire puts a new group in the place of one that has had its part.
func (l *load) retire(g *group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, x := range l.active {
		if x == g {
			l.active[i] = l.newGroup()
		}
	}
}

func (l *load) pick(n int) *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.active[n%len(l.active)]
}

// run works until ctx ends.
func (l *load) run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range clientCount {
		all.Go(func() {
			w := &worker{load: l, number: i, random: rand.New(rand.NewPCG(l.c.seed, uint64(i))), connections: newConnections()}
			defer func() { w.connections.close() }()
			for ctx.Err() == nil {
				l.gate.RLock()
				w.next()
				l.gate.RUnlock()
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(w.random.ExpFloat64() * float64(operationsEvery))):
				}
			}
		})
	}
	all.Wait()
}

// rest makes all clients finish what they do, and wait until the returned function is
// called.
func (l *load) rest() (goOn func()) {
	l.gate.Lock()
	return l.gate.Unlock
}

// note counts an operation and adds it to its history.
func (l *load) note(kind string, g *group, o *history.Operation) {
	if len(o.Commands) > 0 && g.add(o) {
		l.retire(g)
	}
	l.c.outages.note(kind, g.partition, time.Duration(o.Call), time.Duration(o.Return), o.Outcome == history.Answered)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[tally{kind, o.Outcome}]++
	if o.Outcome == history.Refused {
		l.refused[reason(o.Reply)]++
	}
}

// reason is the kind of a refusal: the first word of a Redis error, the status of an HTTP
// answer, or all of what a client says itself.
func reason(reply string) string {
	if text, fromServer := strings.CutPrefix(reply, "-"); fromServer {
		reply, _, _ = strings.Cut(text, " ")
	}
	why, _, _ := strings.Cut(reply, ":")
	return strings.TrimSpace(why)
}

// readBack reads every key of groups once more, as part of their histories.
func (l *load) readBack(ctx context.Context, groups []*group) error {
	for i, g := range groups {
		if err := l.ask(ctx, g, i, append([]string{"MGET"}, g.keys()...)); err != nil {
			return err
		}
	}
	return nil
}

// searchLimit is how long the search for an order may take for one history.
const searchLimit = 2 * time.Minute

// judge checks every history of groups, and tells what is wrong.
func (l *load) judge(groups []*group) {
	var mu sync.Mutex
	var all sync.WaitGroup
	work := make(chan *group)
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for g := range work {
				problem := ""
				switch history.Check(g.operations, searchLimit) {
				case history.Illegal:
					problem = fmt.Sprintf("the history of the keys {%s} is not linearizable:\n%s", g.tag, history.Explain(g.operations, 10*time.Second))
				case history.Undecided:
					problem = fmt.Sprintf("the history of the keys {%s} (%d operations, %d unknown) could not be judged in %v", g.tag, len(g.operations), g.unknowns, searchLimit)
				}
				if problem != "" {
					l.c.problem("%s", problem)
				}
				mu.Lock()
				l.judged.histories++
				l.judged.operations += len(g.operations)
				mu.Unlock()
			}
		})
	}
	for _, g := range groups {
		work <- g
	}
	close(work)
	all.Wait()
}
