package command

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/ringkv/ringkv/internal/kv/store"
)

const (
	// OnceFor is for how long the answer to a write with an idempotency key is remembered
	// at most: see also store.AnswersBytes. It is part of what the command means.
	OnceFor = 24 * time.Hour
	// MaxOperations is how many operations such a write may have. Each gives a result with a
	// number of 20 digits at most, if no value.
	MaxOperations = 10_000
	// maxOnceBytes bounds the values in the answer to such a write in each partition.
	maxOnceBytes = 64 << 10

	// errKeyReused is the error for an idempotency key that came with another write.
	errKeyReused = "KEYREUSED the idempotency key has been used for another write"
	// ErrOnceTooLong is the error for answers that are too long to be remembered.
	ErrOnceTooLong = "TOOLONG the values asked for have more than 64 KiB together: with an idempotency key the answer is remembered, so ask for less"
)

// Once names a write that is to be executed once, however often it is sent.
type Once struct {
	id    store.RequestID
	asked store.Fingerprint
}

// NewOnce names the write of all ops by a key of the client's. The parts of one write, in
// several partitions, have the same name.
func NewOnce(key string, ops []Op, atomic bool) *Once {
	id := sha256.Sum256([]byte(key))
	asked := sha256.New()
	asked.Write([]byte{modeOf(atomic)})
	for i := range ops {
		o := &ops[i]
		for _, part := range [][]byte{o.Key, o.encode(), o.Value} {
			asked.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
			asked.Write(part)
		}
	}
	return &Once{id: store.RequestID(id[:]), asked: store.Fingerprint(asked.Sum(nil))}
}

// RINGKV.WRITEONCE mode id fingerprint (key operation value)...: RINGKV.WRITE, unless the
// partition remembers the request; then it is what that was answered.
func kvWriteOnce(c *Context, args [][]byte, r *Reply) {
	atomic, ops, ok := decodeWrite(args[1], args[4:])
	if !ok || len(ops) > MaxOperations || len(args[2]) != len(store.RequestID{}) || len(args[3]) != len(store.Fingerprint{}) {
		r.Error(ErrSyntax)
		return
	}
	id, asked := store.RequestID(args[2]), store.Fingerprint(args[3])
	if before, answer, found := c.Store.Answer(id, c.Now); found {
		if before != asked {
			r.Error(errKeyReused)
			return
		}
		r.Buf = append(r.Buf, answer...)
		return
	}
	if wantsValues(ops) && c.resultBytes(ops) > maxOnceBytes {
		r.Error(ErrOnceTooLong)
		return
	}
	answer := Reply{Buf: c.scratch[:0]}
	c.write(ops, atomic, &answer)
	c.Store.Remember(id, asked, answer.Buf, c.Now+OnceFor.Milliseconds(), c.Now)
	r.Buf = append(r.Buf, answer.Buf...)
	c.keep(answer.Buf)
}
