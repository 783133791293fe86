package load

import (
	"slices"
	"time"
)

// observe judges what a read of the operation returned, and returns what there is
// to say about it: nil if the value is what was expected.
func (w *worker) observe(op *operation, address string) *Violation {
	r := &w.registers[op.register]
	expected := append([]uint64{r.current}, r.open...)
	seq, fault := w.judge(r, &op.attempt)
	w.history.add(op.register, event{kind: Read, seq: seq, began: op.sent, ended: time.Now(), address: address})
	if fault == "" {
		return nil
	}
	found := "(none)"
	if !op.missing {
		found = shorten(op.reply)
	}
	return &Violation{
		Fault:    fault,
		Key:      op.key,
		Address:  address,
		At:       time.Now(),
		Expected: expected,
		Found:    found,
		History:  slices.Clone(w.history.tell(op.register)),
	}
}

// judge compares the answer to a read with the register, and returns the sequence
// number in it (0 for none) and what is wrong with it.
func (w *worker) judge(r *register, a *attempt) (seq uint64, fault Fault) {
	if !a.missing {
		var ok bool
		if seq, ok, w.scratch = parseValue(a.reply, a.key, w.load.options.ValueBytes, w.scratch); !ok {
			return 0, FaultForeign
		}
	}
	switch r.observe(seq) {
	case lateArrival:
		return seq, FaultLate
	case older:
		return seq, FaultOlder
	case refusedSeen:
		return seq, FaultRefused
	case neverSent:
		return seq, FaultForeign
	default:
		return seq, ""
	}
}
