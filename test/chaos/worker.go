//go:build linux

package chaos

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/test/history"
)

// worker is one client.
type worker struct {
	load        *load
	number      int
	random      *rand.Rand
	connections *connections
}

// The kinds of operations.
const (
	kindRead  = "read"
	kindWrite = "write"
	kindCAS   = "cas"
	kindTxn   = "txn"
)

// patience is how long a client waits for an answer. The server's own deadline is 5 s.
func (w *worker) patience() time.Duration {
	return 500*time.Millisecond + time.Duration(w.random.Int64N(int64(6500*time.Millisecond)))
}

// next does one operation and takes note of it.
func (w *worker) next() {
	machines := w.load.c.list()
	m := machines[w.random.IntN(len(machines))]
	g := w.load.pick(w.random.IntN(activeGroups))
	ctx, cancel := context.WithTimeout(context.Background(), w.patience())
	defer cancel()
	o := &history.Operation{Client: w.number, Call: w.load.c.now().Nanoseconds()}
	var kind string
	switch n := w.random.IntN(20); {
	case n < 8:
		kind = kindRead
		w.read(ctx, m, g, o)
	case n < 13:
		kind = kindWrite
		w.write(ctx, m, g, o)
	case n < 17:
		kind = kindCAS
		w.compareAndSet(ctx, m, g, o)
	default:
		kind = kindTxn
		w.transact(ctx, m, g, o)
	}
	o.Return = w.load.c.now().Nanoseconds()
	w.load.note(kind, g, o)
}

// address is where this client talks to a machine: the plain port or that of cluster
// clients.
func (w *worker) address(m *machine) string {
	if w.number%2 == 0 {
		return m.at.RESP
	}
	return m.at.Cluster
}

// value makes a value that was never written before. Some are long.
func (w *worker) value() string {
	v := "v" + strconv.FormatInt(w.load.serial.Add(1), 10)
	if w.random.IntN(8) == 0 {
		v += strings.Repeat("x", w.random.IntN(4096))
	}
	return v
}

func (w *worker) register(g *group) string { return g.key([]string{"a", "b"}[w.random.IntN(2)]) }

// execute sends commands, follows MOVED, and settles the operation from the last
// answer.
func (w *worker) execute(ctx context.Context, m *machine, o *history.Operation, commands ...[]string) {
	at := w.address(m)
	for hops := 0; ; hops++ {
		a := w.connections.exchange(ctx, at, commands...)
		next := movedTo(a)
		if next == "" || hops == 3 {
			settle(o, a)
			return
		}
		at = next
	}
}

func (w *worker) read(ctx context.Context, m *machine, g *group, o *history.Operation) {
	command := []string{"GET", g.keys()[w.random.IntN(4)]}
	if w.random.IntN(3) == 0 {
		command = append([]string{"MGET"}, g.keys()...)
	}
	o.Commands = [][]string{command}
	w.execute(ctx, m, o, command)
}

func (w *worker) write(ctx context.Context, m *machine, g *group, o *history.Operation) {
	var command []string
	switch w.random.IntN(4) {
	case 0:
		command = []string{"INCRBY", g.key("c"), strconv.Itoa(1 + w.random.IntN(1<<30))}
	case 1:
		command = []string{"SET", w.register(g), w.value(), "GET"}
	default:
		command = []string{"SET", w.register(g), w.value()}
	}
	o.Commands = [][]string{command}
	w.execute(ctx, m, o, command)
}

// compareAndSet changes a register if it still is as this client saw it, in one of the
// three ways that there are.
func (w *worker) compareAndSet(ctx context.Context, m *machine, g *group, o *history.Operation) {
	key, value := w.register(g), w.value()
	switch w.random.IntN(3) {
	case 0:
		w.setIfEqual(ctx, m, key, value, o)
	case 1:
		w.watchAndSet(ctx, m, key, value, o)
	default:
		w.putIfVersion(ctx, m, key, value, o)
	}
}

func (w *worker) setIfEqual(ctx context.Context, m *machine, key, value string, o *history.Operation) {
	var read history.Operation
	w.execute(ctx, m, &read, []string{"GET", key})
	was := bulkOf(read.Reply)
	if read.Outcome != history.Answered {
		o.Outcome, o.Reply = history.Refused, "nothing to compare with"
		return
	}
	o.Commands = [][]string{{"SET", key, value, "IFEQ", was}}
	if was == "" {
		o.Commands = [][]string{{"SET", key, value, "NX"}}
	}
	w.execute(ctx, m, o, o.Commands[0])
}

// bulkOf returns the text of a bulk string as it stands on a connection.
func bulkOf(reply string) string {
	_, text, found := strings.Cut(reply, "\r\n")
	if !found || !strings.HasPrefix(reply, "$") {
		return ""
	}
	return strings.TrimSuffix(text, "\r\n")
}

// watchAndSet stays at one address: WATCH belongs to the connection.
func (w *worker) watchAndSet(ctx context.Context, m *machine, key, value string, o *history.Operation) {
	at := w.address(m)
	a := w.connections.exchange(ctx, at, []string{"WATCH", key}, []string{"GET", key})
	if next := movedTo(a); next != "" {
		w.connections.drop(at) // it may watch the key already
		at = next
		a = w.connections.exchange(ctx, at, []string{"WATCH", key}, []string{"GET", key})
	}
	var read history.Operation
	settle(&read, a)
	if read.Outcome != history.Answered || a.replies[0].Err() != nil {
		o.Outcome, o.Reply = history.Refused, "nothing to compare with"
		w.connections.drop(at) // whatever it watches
		return
	}
	o.GuardKey, o.Guard = key, bulkOf(read.Reply)
	w.exec(ctx, at, o, []string{"SET", key, value})
}

// exec has commands executed as one.
func (w *worker) exec(ctx context.Context, at string, o *history.Operation, commands ...[]string) {
	o.Commands = commands
	all := append([][]string{{"MULTI"}}, commands...)
	a := w.connections.exchange(ctx, at, append(all, []string{"EXEC"})...)
	if next := movedTo(a); next != "" && o.GuardKey == "" {
		a = w.connections.exchange(ctx, next, append(all, []string{"EXEC"})...)
	}
	settle(o, a)
	if o.Outcome != history.Answered {
		return
	}
	last := &a.replies[len(a.replies)-1]
	if last.Null {
		// A changed key ends a transaction, and so may a change of the leader.
		o.Outcome, o.Reply = history.Refused, "the watched key has changed"
		return
	}
	o.Reply = ""
	for i := range last.Elements {
		o.Reply += wire(&last.Elements[i])
	}
}

func (w *worker) putIfVersion(ctx context.Context, m *machine, key, value string, o *history.Operation) {
	was, version, err := w.connections.get(ctx, m.at.HTTP, key)
	if err != nil {
		o.Outcome, o.Reply = history.Refused, "nothing to compare with"
		return
	}
	o.GuardKey, o.Guard = key, was
	o.Commands = [][]string{{"SET", key, value}}
	w.connections.putIf(ctx, m.at.HTTP, key, value, version, o)
}

// transact moves an amount from one counter to the other, marks a register, and reads
// the other one.
func (w *worker) transact(ctx context.Context, m *machine, g *group, o *history.Operation) {
	n := 1 + w.random.IntN(1<<30)
	w.exec(ctx, w.address(m), o,
		[]string{"INCRBY", g.key("c"), strconv.Itoa(-n)}, []string{"INCRBY", g.key("d"), strconv.Itoa(n)},
		[]string{"SET", g.key("a"), w.value()}, []string{"GET", g.key("b")})
}
