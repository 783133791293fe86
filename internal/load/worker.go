package load

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// worker is one client. It owns the keys whose index is its own, modulo the
// number of workers.
type worker struct {
	load    *Load
	index   int
	reader  *client
	writer  *client
	random  *rand.Rand
	scratch []byte
	written atomic.Int64 // keys with a value

	// turn is held during one operation (or one pipeline of them), so that Verify
	// finds registers at rest. It guards the fields below.
	turn      sync.Mutex
	registers []register // of the keys index, index+workers, ...
	chosen    []uint64   // the round in which a key was last chosen, same order
	round     uint64
	history   history

	// began is about the operations under way, for Stats.
	mu    sync.Mutex
	began underWay // zero time if none; guarded by mu
}

// operation is one thing that a worker wants done.
type operation struct {
	attempt
	register int // index into registers
	seq      uint64
	sent     time.Time // of the last attempt
}

func newWorker(l *Load, index int) *worker {
	o := l.options
	count := (o.Keys - index + o.Workers - 1) / o.Workers
	// Reads and writes go to different nodes, where there are several: a node
	// that serves old data is not noticed by those who write through it.
	return &worker{
		load:      l,
		index:     index,
		writer:    &client{addresses: l.addresses, home: index, timeout: o.Timeout},
		reader:    &client{addresses: l.addresses, home: index + 1, timeout: o.Timeout},
		random:    rand.New(rand.NewPCG(o.Seed, uint64(index))),
		registers: make([]register, count),
		chosen:    make([]uint64, count),
		history:   make(history),
	}
}

func (w *worker) key(register int) string {
	return keyName(w.load.options.Prefix, w.index+register*w.load.options.Workers)
}

// fill writes every key once.
func (w *worker) fill(ctx context.Context) {
	size := w.load.options.FillPipeline
	for next := 0; next < len(w.registers) && ctx.Err() == nil; next += size {
		var batch []int
		for i := next; i < min(next+size, len(w.registers)); i++ {
			batch = append(batch, i)
		}
		w.do(ctx, Write, batch)
	}
}

// run reads and writes until ctx ends.
func (w *worker) run(ctx context.Context) {
	o := w.load.options
	size := min(o.Pipeline, len(w.registers))
	batch := make([]int, 0, size)
	for ctx.Err() == nil {
		if w.load.limiter != nil && w.load.limiter.WaitN(ctx, size) != nil {
			return
		}
		kind := Write
		if w.random.Float64() < o.ReadFraction {
			kind = Read
		}
		w.round++
		batch = batch[:0]
		for len(batch) < size {
			i := w.random.IntN(len(w.registers))
			if w.chosen[i] != w.round {
				w.chosen[i] = w.round
				batch = append(batch, i)
			}
		}
		w.do(ctx, kind, batch)
	}
}

// do does one operation on each of the registers and tries until all have
// succeeded or ctx ends. An attempt that was begun is always waited for: its
// answer counts.
func (w *worker) do(ctx context.Context, kind Kind, registers []int) {
	w.turn.Lock()
	defer w.turn.Unlock()
	began := time.Now()
	w.setUnderWay(underWay{kind: kind, began: began, key: w.key(registers[0])})
	defer w.setUnderWay(underWay{})

	pending := make([]*operation, len(registers))
	for i, r := range registers {
		pending[i] = &operation{register: r, attempt: attempt{key: w.key(r)}}
	}
	c := w.reader
	if kind == Write {
		c = w.writer
	}
	var wait backoff
	for {
		w.prepare(kind, pending)
		connected := c.exchange(attemptsOf(pending))
		before := len(pending)
		pending = w.settle(round{kind: kind, began: began, ended: time.Now(), connected: connected}, c.address, pending)
		if len(pending) == 0 {
			return
		}
		if len(pending) < before {
			wait = backoff{}
		}
		if ctx.Err() != nil || !wait.pause(ctx, connected, c.addresses) {
			w.load.recorder.abandon(kind, began, pending[0].key, len(pending))
			return
		}
	}
}

func (w *worker) prepare(kind Kind, ops []*operation) {
	now := time.Now()
	for _, op := range ops {
		op.sent = now
		if kind == Write {
			op.seq = w.registers[op.register].attempt()
			op.value = appendValue(op.value[:0], op.key, op.seq, w.load.options.ValueBytes)
		}
	}
}

// settle notes the outcomes of a round in the registers and returns the
// operations that are still to be done.
func (w *worker) settle(n round, address string, ops []*operation) []*operation {
	var rest []*operation
	for _, op := range ops {
		if n.connected && (n.kind == Write || op.outcome != succeeded) {
			w.history.add(op.register, event{n.kind, op.seq, op.outcome, op.sent, n.ended, address, op.err})
		}
		switch op.outcome {
		case succeeded:
			n.succeeded++
			n.key = op.key
			if n.kind == Write {
				w.acknowledged(op)
			} else {
				w.load.note(w.observe(op, address))
			}
			continue
		case refused:
			n.refused++
		case unknown:
			n.unknown++
			if n.kind == Write {
				w.registers[op.register].unknown(op.seq)
			}
		}
		n.lastError = op.err
		rest = append(rest, op)
	}
	w.load.recorder.record(n)
	return rest
}

func (w *worker) acknowledged(op *operation) {
	r := &w.registers[op.register]
	if r.current == 0 {
		w.written.Add(1)
	}
	r.acknowledged(op.seq)
}

func (w *worker) setUnderWay(u underWay) {
	w.mu.Lock()
	w.began = u
	w.mu.Unlock()
}

func (w *worker) underWay() underWay {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.began
}

func (w *worker) close() {
	w.reader.close()
	w.writer.close()
}

func attemptsOf(ops []*operation) []*attempt {
	as := make([]*attempt, len(ops))
	for i, op := range ops {
		as[i] = &op.attempt
	}
	return as
}

// backoff spaces retries: 1 ms at first, doubling to 50 ms, so that it adds
// little to the pauses that it is there to measure.
type backoff struct {
	next    time.Duration
	dialled int // failed connections in a row
}

// pause waits and reports whether to try again; false means that ctx ended. An
// address that refuses a connection costs nothing while there are others.
func (b *backoff) pause(ctx context.Context, connected bool, book *addressBook) bool {
	if !connected {
		addresses, _ := book.get()
		if b.dialled++; b.dialled%len(addresses) != 0 {
			return true
		}
	}
	b.next = min(max(2*b.next, time.Millisecond), 50*time.Millisecond)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(b.next):
		return true
	}
}
