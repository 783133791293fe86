package bench

import (
	"context"
	"time"
)

// Command is one read or write of a key.
type Command struct {
	Kind Kind
	// Key and Value, of a Write, are valid until Exchange returns.
	Key, Value []byte
}

// Connection is a way to a server that is no Redis. One goroutine uses it; any may
// call Close, also twice, which ends an Exchange under way.
type Connection interface {
	// Exchange executes commands and calls answered for each that was answered, by
	// its index, in order; missing is for reads of keys that are not there. After an
	// error the connection is of no more use.
	Exchange(deadline time.Time, commands []Command, answered func(i int, missing bool)) error
	Close() error
}

// Dial connects to a server that is no Redis.
type Dial func(ctx context.Context, address string) (Connection, error)

// foreign is what a worker needs where the server is no Redis.
type foreign struct {
	conn     Connection // nil if there is none
	commands []Command  // of the turn under way
}

// turnForeign is turn with a server that is no Redis.
func (w *worker) turnForeign(ctx context.Context) bool {
	f := &w.foreign
	f.commands, w.outcomes = f.commands[:0], w.outcomes[:0]
	for _, due := range w.due {
		c := Command{Kind: Write, Key: w.keys.appendKey(nil, w.keys.number())}
		if w.keys.random.Float64() < w.options.ReadFraction {
			c.Kind = Read
		} else {
			c.Value = w.value()
		}
		f.commands = append(f.commands, c)
		w.outcomes = append(w.outcomes, outcome{kind: c.Kind, due: due})
	}
	answered := 0
	err := w.exchangeForeign(ctx, &answered)
	if err != nil {
		f.drop()
		if ctx.Err() != nil {
			return true // the end: what was not answered does not count
		}
		for i := answered; i < len(w.outcomes); i++ {
			w.outcomes[i].err = err
		}
	}
	w.record()
	return err == nil
}

func (w *worker) exchangeForeign(ctx context.Context, done *int) error {
	if w.foreign.conn == nil {
		conn, err := w.options.Dial(ctx, w.address)
		if err != nil {
			return err
		}
		w.foreign.conn = conn
	}
	// The end of the measurement ends the wait for an answer, too.
	conn := w.foreign.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	return conn.Exchange(time.Now().Add(w.options.Timeout), w.foreign.commands, func(i int, missing bool) {
		o := &w.outcomes[i]
		o.end, o.missing = time.Since(w.began), missing
		*done = i + 1
	})
}

func (f *foreign) drop() {
	if f.conn != nil {
		_ = f.conn.Close() // of no more use
		f.conn = nil
	}
}
