package load

import (
	"context"
	"sync"
	"time"
)

// Verify reads every key back and says what is missing. It may be called while
// Run is under way: each worker rests while its keys are read. It tries until
// every key was read or ctx ends; what could not be read then is neither lost
// nor right, and shows as Read being less than Keys.
func (l *Load) Verify(ctx context.Context) *Verification {
	v := &verifier{load: l, result: Verification{Keys: l.options.Keys}}
	var all sync.WaitGroup
	for _, w := range l.workers {
		all.Go(func() { v.verify(ctx, w) })
	}
	all.Wait()
	return &v.result
}

type verifier struct {
	load   *Load
	mu     sync.Mutex
	result Verification // guarded by mu
}

func (v *verifier) verify(ctx context.Context, w *worker) {
	o := v.load.options
	// Neither of the worker's own connections: what a connection remembers shall
	// not matter.
	c := &client{addresses: v.load.addresses, home: w.index + 2, timeout: o.Timeout}
	defer c.close()
	w.turn.Lock()
	defer w.turn.Unlock()
	for next := 0; next < len(w.registers); next += o.FillPipeline {
		var batch []*operation
		for i := next; i < min(next+o.FillPipeline, len(w.registers)); i++ {
			batch = append(batch, &operation{register: i, attempt: attempt{key: w.key(i)}})
		}
		if err := v.readBack(ctx, w, c, batch); err != nil {
			v.mu.Lock()
			v.result.LastError = err.Error()
			v.mu.Unlock()
			return
		}
	}
}

// readBack reads and judges the batch, or returns why it could not.
func (v *verifier) readBack(ctx context.Context, w *worker, c *client, batch []*operation) error {
	var wait backoff
	for {
		sent := time.Now()
		for _, op := range batch {
			op.sent = sent
		}
		connected := c.exchange(attemptsOf(batch))
		var rest []*operation
		for _, op := range batch {
			if op.outcome == succeeded {
				v.judge(w, c.address, op)
			} else {
				rest = append(rest, op)
			}
		}
		if len(rest) == 0 {
			return nil
		}
		err := rest[0].err
		if batch = rest; ctx.Err() != nil || !wait.pause(ctx, connected, c.addresses) {
			return err
		}
	}
}

func (v *verifier) judge(w *worker, address string, op *operation) {
	r := &w.registers[op.register]
	mustExist := r.current > 0
	seen := w.observe(op, address)

	v.mu.Lock()
	defer v.mu.Unlock()
	v.result.Read++
	if mustExist {
		v.result.Acknowledged++
	}
	if seen == nil {
		return
	}
	switch seen.Fault {
	case FaultLate:
		v.result.Late++
	case FaultOlder:
		v.result.Lost++
	default:
		v.result.Wrong++
	}
	v.result.Samples = addSample(v.result.Samples, *seen)
}
