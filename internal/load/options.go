package load

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"time"
)

// Options say what load to make. New fills in what is zero, as told at each
// field.
type Options struct {
	// Addresses are host:port of plain RESP ports. Worker i starts with address
	// i, modulo their number. At least one.
	Addresses []string
	// Prefix of all keys. Two loads on one cluster need different ones. Empty
	// means a random one.
	Prefix string
	// Keys is the number of registers; 0 means 1000.
	Keys int
	// Workers is the number of concurrent clients; 0 means 8. Each has one
	// connection for reads and one for writes.
	Workers int
	// ValueBytes is the length of values, at least enough for a key's name and
	// a number; 0 means 64.
	ValueBytes int
	// ReadFraction of the operations of Run are reads: 0 to 1.
	ReadFraction float64
	// Rate is the upper bound of operations per second of Run, of all workers
	// together; 0 means as fast as the cluster answers.
	Rate float64
	// Pipeline is how many operations a worker of Run sends at once; 0 means 1.
	// The operations of one pipeline wait for each other.
	Pipeline int
	// FillPipeline is the same for Fill and Verify; 0 means 32.
	FillPipeline int
	// Timeout bounds one attempt, from sending to the answer, not the operation;
	// 0 means 3 s.
	Timeout time.Duration
	// Seed of the choice of keys and kinds; 0 means a random one.
	Seed uint64
	// Logger gets a line for every violation; nil means none.
	Logger *slog.Logger
}

// minValueBytes leaves room for the sequence number and the separators beside
// the key.
const minValueBytes = 24

func (o Options) withDefaults() (Options, error) {
	if len(o.Addresses) == 0 {
		return o, errors.New("no address to put load on")
	}
	for _, a := range o.Addresses {
		if err := checkAddress(a); err != nil {
			return o, err
		}
	}
	if o.Prefix == "" {
		o.Prefix = fmt.Sprintf("load-%08x:", rand.Uint32())
	}
	orDefault(&o.Keys, 1000)
	orDefault(&o.Workers, 8)
	orDefault(&o.ValueBytes, 64)
	orDefault(&o.Pipeline, 1)
	orDefault(&o.FillPipeline, 32)
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Keys < 0 || o.Workers < 0 || o.Pipeline < 0 || o.FillPipeline < 0:
		return o, errors.New("keys, workers and pipeline must be positive")
	case o.Keys < o.Workers:
		return o, fmt.Errorf("%d keys are too few for %d workers: each needs keys of its own", o.Keys, o.Workers)
	case o.ReadFraction < 0 || o.ReadFraction > 1 || math.IsNaN(o.ReadFraction):
		return o, fmt.Errorf("read fraction %v: want 0 to 1", o.ReadFraction)
	case o.Rate < 0 || math.IsNaN(o.Rate):
		return o, fmt.Errorf("rate %v: want operations per second, or 0 for no bound", o.Rate)
	case o.Timeout < 0:
		return o, fmt.Errorf("timeout %v: want a positive one", o.Timeout)
	case o.ValueBytes < 0 || o.ValueBytes > maxValueBytes:
		return o, fmt.Errorf("value of %d bytes: want at most %d", o.ValueBytes, maxValueBytes)
	}
	o.ValueBytes = max(o.ValueBytes, len(keyName(o.Prefix, o.Keys-1))+minValueBytes)
	return o, nil
}

func orDefault(n *int, value int) {
	if *n == 0 {
		*n = value
	}
}

func checkAddress(address string) error {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return fmt.Errorf("address %q: want host:port", address)
	}
	return nil
}
