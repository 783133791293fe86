package command

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The batch is what one log entry carries: commands that one leader proposed
// together.
//
//	+--------+----------+--------+---------+
//	| format | proposer |  seq   |   now   |   header, 25 bytes, little endian
//	+--------+----------+--------+---------+
//	| argc | len | arg | len | arg | ... |     per command; argc and len are
//	+------+-----+-----+-----+-----+-----+     unsigned varints, argc at least 1
//
// The batch ends with its payload.
const (
	batchFormat = 1
	batchHeader = 1 + 8 + 8 + 8
)

// ErrBadBatch is wrapped by errors that mean that a payload is no batch.
var ErrBadBatch = errors.New("malformed batch of commands")

// ErrLaterFormat is wrapped by errors of DecodeBatch that mean that a later build wrote
// the batch.
var ErrLaterFormat = errors.New("a later build wrote it")

// AppendBatchHeader begins a batch. Proposer and seq name it for the replica that
// waits for it; nowMs is the time at which its commands run, in milliseconds since
// the Unix epoch.
func AppendBatchHeader(dst []byte, proposer, seq uint64, nowMs int64) []byte {
	dst = append(dst, batchFormat)
	dst = binary.LittleEndian.AppendUint64(dst, proposer)
	dst = binary.LittleEndian.AppendUint64(dst, seq)
	return binary.LittleEndian.AppendUint64(dst, uint64(nowMs))
}

// AppendCommand adds a command to a batch. The arguments are copied; the first is
// the name.
func AppendCommand(dst []byte, args [][]byte) []byte {
	return appendArgs(binary.AppendUvarint(dst, uint64(len(args))), args)
}

func appendArgs(dst []byte, args [][]byte) []byte {
	for _, a := range args {
		dst = binary.AppendUvarint(dst, uint64(len(a)))
		dst = append(dst, a...)
	}
	return dst
}

// CommandSize is an upper bound of the bytes that AppendCommand adds.
func CommandSize(args [][]byte) int { //nolint:revive // the size of a command, where Size would be anything's
	n := binary.MaxVarintLen32
	for _, a := range args {
		n += binary.MaxVarintLen32 + len(a)
	}
	return n
}

// Batch walks through the commands of a payload.
type Batch struct {
	Proposer, Seq uint64
	Now           int64
	rest          []byte
}

// DecodeBatch checks a whole payload and returns its batch, which aliases it.
// Errors wrap ErrBadBatch or ErrLaterFormat.
func DecodeBatch(payload []byte) (Batch, error) {
	if len(payload) == 0 || payload[0] <= batchFormat && len(payload) < batchHeader {
		return Batch{}, fmt.Errorf("%d bytes, the header has %d: %w", len(payload), batchHeader, ErrBadBatch)
	}
	if payload[0] > batchFormat {
		return Batch{}, fmt.Errorf("a batch has format %d, this build reads up to %d: %w", payload[0], batchFormat, ErrLaterFormat)
	}
	if payload[0] != batchFormat {
		return Batch{}, fmt.Errorf("format %d: %w", payload[0], ErrBadBatch)
	}
	b := Batch{
		Proposer: binary.LittleEndian.Uint64(payload[1:]),
		Seq:      binary.LittleEndian.Uint64(payload[9:]),
		Now:      int64(binary.LittleEndian.Uint64(payload[17:])),
		rest:     payload[batchHeader:],
	}
	if _, err := countCommands(b.rest); err != nil {
		return Batch{}, err
	}
	return b, nil
}

// countCommands checks commands as AppendCommand writes them and returns how many
// there are. Its error wraps ErrBadBatch.
func countCommands(rest []byte) (n int, err error) {
	for ; len(rest) > 0; n++ {
		argc, size := binary.Uvarint(rest)
		// An argument takes a byte at least, which bounds the loop below.
		if size <= 0 || argc == 0 || argc > uint64(len(rest)-size) {
			return n, fmt.Errorf("command %d: argument count: %w", n, ErrBadBatch)
		}
		rest = rest[size:]
		for i := uint64(0); i < argc; i++ {
			length, size := binary.Uvarint(rest)
			if size <= 0 || length > uint64(len(rest)-size) {
				return n, fmt.Errorf("command %d, argument %d: length: %w", n, i, ErrBadBatch)
			}
			rest = rest[size+int(length):]
		}
	}
	return n, nil
}

// Next appends the arguments of the next command to args[:0]. They alias the
// payload. It returns false at the end.
func (b *Batch) Next(args [][]byte) ([][]byte, bool) {
	args = args[:0]
	if len(b.rest) == 0 {
		return args, false
	}
	argc, size := binary.Uvarint(b.rest)
	rest := b.rest[size:]
	for ; argc > 0; argc-- {
		length, size := binary.Uvarint(rest)
		end := size + int(length)
		args = append(args, rest[size:end:end])
		rest = rest[end:]
	}
	b.rest = rest
	return args, true
}
