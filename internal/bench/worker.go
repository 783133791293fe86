package bench

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/ring"
	"github.com/ringkv/ringkv/internal/respclient"
)

// worker is one connection or, in cluster mode, one client with a connection to each
// server. It is used by one goroutine.
type worker struct {
	options  *Options
	home     int     // whose turn it is of the addresses, modulo their number
	address  string  // of the server outside of cluster mode
	routes   *router // nil outside of cluster mode
	keys     *chooser
	schedule *schedule
	recorder *recorder
	began    time.Time
	left     *atomic.Int64 // commands that may still be sent and count, of all workers; nil for no bound
	values   []byte        // random bytes to take values from

	links   map[string]*link // by server
	foreign foreign          // instead of links where the server is no Redis
	lost    int              // turns that broke, one after the other
	gap     gap

	// Of the turn under way:

	key      []byte
	commands []byte
	due      []time.Duration
	outcomes []outcome
	busy     []*link // that have something to send
}

// gap is the longest time without an answer.
type gap struct{ from, longest time.Duration }

// until notes an answer, or the end.
func (g *gap) until(at time.Duration) {
	g.longest = max(g.longest, at-g.from)
	g.from = max(g.from, at)
}

// redial is the pause after a connection to each of the addresses was lost or could
// not be made.
const redial = 50 * time.Millisecond

// run sends commands until ctx ends or none are left.
func (w *worker) run(ctx context.Context) {
	w.links = make(map[string]*link)
	defer w.drop()
	w.gap.from = w.options.Warmup
	defer func() { w.gap.until(time.Since(w.began)) }()
	for ctx.Err() == nil {
		now := time.Since(w.began)
		if w.due = w.schedule.take(now, w.due[:0]); len(w.due) == 0 {
			if !pause(ctx, w.schedule.next-now) {
				return
			}
			continue
		}
		if w.due = w.claim(w.due); len(w.due) == 0 {
			return
		}
		if w.turn(ctx) {
			w.lost = 0
			continue
		}
		w.nextAddress()
		if w.lost++; w.lost%len(w.options.Addresses) == 0 && !pause(ctx, redial) {
			return
		}
	}
}

// nextAddress turns to another server.
func (w *worker) nextAddress() {
	w.home++
	w.address = w.options.Addresses[w.home%len(w.options.Addresses)]
}

// claim returns those commands that may still be sent. What warms up is not bounded.
func (w *worker) claim(due []time.Duration) []time.Duration {
	if w.left == nil {
		return due
	}
	warm, _ := slices.BinarySearch(due, w.options.Warmup)
	n := len(due) - warm
	after := w.left.Add(-int64(n))
	return due[:warm+max(min(n, n+int(after)), 0)]
}

// pause returns false if ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// turn sends what is due and records the answers. It returns false if a connection
// broke or could not be made.
func (w *worker) turn(ctx context.Context) bool {
	if w.options.Dial != nil {
		return w.turnForeign(ctx)
	}
	w.compose()
	whole := w.send(ctx)
	for began := time.Now(); time.Since(began) < w.options.persist && w.again() && pause(ctx, redial); {
		if !whole {
			w.nextAddress()
		}
		whole = w.send(ctx)
	}
	if ctx.Err() != nil && !whole {
		return true // the end: what was not answered does not count
	}
	if w.options.persist > 0 && slices.ContainsFunc(w.outcomes, func(o outcome) bool { return o.err != nil }) {
		w.left.Store(0) // the others would be tried as long, one after the other
	}
	w.record()
	return whole
}

// send sends the commands that have no answer yet to where they belong, on and on
// where they are sent elsewhere. It returns false if a connection broke or could not be
// made.
func (w *worker) send(ctx context.Context) bool {
	whole := true
	for (whole || ctx.Err() == nil) && w.dispatch() {
		whole = w.exchange(ctx) && whole
	}
	if !whole && w.routes != nil {
		w.routes.broken(ctx)
	}
	return whole
}

// again makes those commands go again that failed for what passes. It returns false if
// there are none.
func (w *worker) again() bool {
	found := false
	for i := range w.outcomes {
		if o := &w.outcomes[i]; passes(o.err) {
			o.err, o.moved, o.server, found = nil, 0, w.serverOf(o.slot), true
		}
	}
	return found
}

// passes tells whether an error may be gone in a moment: a lost connection, or an
// election in which the command was not executed, or perhaps was.
func passes(err error) bool {
	answer, answered := err.(respclient.ServerError) //nolint:errorlint // as the reply gave it, never wrapped
	return err != nil && !answered || answer.Prefix() == "CLUSTERDOWN" || answer.Prefix() == "UNKNOWNRESULT"
}

// serverOf is where a command about a key of that slot is sent first.
func (w *worker) serverOf(slot int) string {
	if w.routes != nil {
		return w.routes.of(slot)
	}
	return w.address
}

// record records the turn.
func (w *worker) record() {
	for i := range w.outcomes {
		if o := &w.outcomes[i]; o.err == nil {
			w.gap.until(o.end)
		}
	}
	w.recorder.record(w.outcomes)
}

// compose makes the commands that are due.
func (w *worker) compose() {
	w.commands, w.outcomes = w.commands[:0], w.outcomes[:0]
	for _, due := range w.due {
		o := outcome{kind: Write, due: due, from: len(w.commands)}
		w.key = w.keys.appendKey(w.key[:0], w.keys.number())
		if w.routes != nil {
			o.slot = int(ring.Slot(w.key))
		}
		o.server = w.serverOf(o.slot)
		if w.keys.random.Float64() < w.options.ReadFraction {
			o.kind = Read
			w.commands = append(w.commands, "*2\r\n$3\r\nGET\r\n"...)
			w.commands = respclient.AppendBulk(w.commands, w.key)
		} else {
			w.commands = append(w.commands, "*3\r\n$3\r\nSET\r\n"...)
			w.commands = respclient.AppendBulk(w.commands, w.key)
			w.commands = respclient.AppendBulk(w.commands, w.value())
		}
		o.to = len(w.commands)
		w.outcomes = append(w.outcomes, o)
	}
}

// dispatch gives every command that has no answer yet to the link of its server. It
// returns false if there is none.
func (w *worker) dispatch() bool {
	w.busy = w.busy[:0]
	for i := range w.outcomes {
		o := &w.outcomes[i]
		if o.server == "" {
			continue
		}
		l := w.links[o.server]
		if l == nil {
			l = &link{server: o.server, address: o.server}
			if w.routes != nil {
				l.address = w.routes.reach(o.server)
			}
			w.links[o.server] = l
		}
		if len(l.sent) == 0 {
			w.busy = append(w.busy, l)
		}
		l.sent = append(l.sent, i)
		l.out = append(l.out, w.commands[o.from:o.to]...)
	}
	return len(w.busy) > 0
}

// exchange sends what was dispatched, to all servers at once, and takes the answers.
// It returns false if a connection broke or could not be made.
func (w *worker) exchange(ctx context.Context) bool {
	if len(w.busy) == 1 {
		return w.talk(ctx, w.busy[0])
	}
	var all sync.WaitGroup
	var broken atomic.Bool
	for _, l := range w.busy {
		all.Go(func() {
			if !w.talk(ctx, l) {
				broken.Store(true)
			}
		})
	}
	all.Wait()
	return !broken.Load()
}

// talk is exchange with one server: a goroutine of its own may do it, for it touches
// only the link and the outcomes of its commands.
func (w *worker) talk(ctx context.Context, l *link) bool {
	answered := 0
	err := l.exchange(ctx, w.options.Timeout, func() {
		w.take(&w.outcomes[l.sent[answered]], l)
		answered++
	})
	for _, i := range l.sent[answered:] {
		w.outcomes[i].err, w.outcomes[i].server = err, ""
	}
	l.sent, l.out = l.sent[:0], l.out[:0]
	return err == nil
}

// take takes the answer that the link has read: the end of a command, or where it
// must be sent instead.
func (w *worker) take(o *outcome, l *link) {
	if w.routes != nil && o.moved < maxRedirects {
		if to, moved := w.routes.moved(&l.reply, l.server); moved {
			o.server = to
			o.moved++
			return
		}
	}
	o.end, o.err, o.missing, o.server = time.Since(w.began), l.reply.Err(), l.reply.Null, ""
}

// value returns random bytes of a random length.
func (w *worker) value() []byte {
	o := w.options
	n := o.MinValueBytes + w.keys.random.IntN(o.MaxValueBytes-o.MinValueBytes+1)
	from := w.keys.random.IntN(len(w.values) - n + 1)
	return w.values[from : from+n]
}

// randomValues returns bytes that all values can be cut from.
func randomValues(o *Options) []byte {
	values := make([]byte, o.MaxValueBytes+4096)
	random := rand.New(rand.NewPCG(o.Seed, 0))
	for i := range values {
		values[i] = byte(random.Uint32())
	}
	return values
}

func (w *worker) drop() {
	for _, l := range w.links {
		l.drop()
	}
	w.foreign.drop()
}
