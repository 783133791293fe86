package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// transactors execute transactions on pairs of keys of one slot:
//
//   - TRANSFER adds to one key what it takes from the other;
//   - LOOK reads both at once;
//   - CAS sets a key that must not have changed since it was read, by WATCH.
//
// In the history of a pair the first two are operations on one number, and those of the
// third kind are on a register of their own.
const (
	transactorCount = 2
	pairCount       = 3
)

func (c *clients) startTransactors() {
	for i := range transactorCount {
		c.w.after(time.Duration(i)*time.Millisecond, nil, func() { c.nextTransaction(clientCount + i) })
	}
}

// nextTransaction executes a client's next transaction.
func (c *clients) nextTransaction(client int) {
	if c.resting {
		return
	}
	random := c.w.clientRandom(client)
	again := func() {
		c.w.after(between(random, time.Millisecond, 100*time.Millisecond), nil, func() { c.nextTransaction(client) })
	}
	tag, kind := pairTag(random.IntN(pairCount)), random.IntN(3)
	p := c.w.machines[random.IntN(len(c.w.machines))].process
	if p == nil || p.node == nil {
		again()
		return
	}
	switch kind {
	case 0:
		o := c.add(client, tag, "TRANSFER", true)
		id := o.args[2]
		o.execute(nil, []string{"INCRBY", tag + "a", id}, []string{"DECRBY", tag + "b", id}, []string{"SET", tag + "last", mark(id)})
		c.submit(p, []*operation{o}, again)
	case 1:
		o := c.add(client, tag, "LOOK", false)
		o.execute(nil, []string{"GET", tag + "a"}, []string{"GET", tag + "b"})
		c.submit(p, []*operation{o}, again)
	default:
		c.compareAndSet(client, p, tag+"c", again)
	}
}

func pairTag(i int) string { return fmt.Sprintf("{pair%d}", i) }

// add makes an operation that is no single command of Redis.
func (c *clients) add(client int, key, name string, write bool) *operation {
	o := &operation{id: len(c.ops) + 1, client: client, key: key, write: write}
	id := strconv.Itoa(o.id)
	o.args = []string{name, key, id}
	c.ops = append(c.ops, o)
	if write {
		c.byToken[id] = o
	}
	return o
}

// execute makes a transaction of the operation.
func (o *operation) execute(watched []command.Watched, lines ...[]string) {
	tx := new(command.Transaction)
	for _, line := range lines {
		args := bytesOf(line)
		tx.Add(command.Lookup(args[0]), args, 2)
	}
	o.spec, o.raw = tx.Command(watched)
}

func bytesOf(words []string) [][]byte {
	out := make([][]byte, len(words))
	for i, w := range words {
		out[i] = []byte(w)
	}
	return out
}

// mark makes a value by which a transaction is found in the log.
func mark(id string) string { return "#" + id + "#" }

// markIn returns the ID that mark was given, of a program that ends with it.
func markIn(program []byte) string {
	s := strings.TrimSuffix(string(program), "#")
	return s[strings.LastIndex(s, "#")+1:]
}

// compareAndSet reads a key before and after WATCH: if it is the same, that is what WATCH
// saw, as no value is written twice. So the transaction has an effect if, and only if,
// that still is the value.
func (c *clients) compareAndSet(client int, p *process, key string, again func()) {
	c.ask(p, []string{"GET", key}, again, func(before string) {
		c.ask(p, []string{"ringkv.watch", key}, again, func(reply string) {
			seen, ok := command.Integers([]byte(reply))
			if !ok {
				again()
				return
			}
			c.ask(p, []string{"GET", key}, again, func(after string) {
				if before != after || strings.HasPrefix(after, "-") {
					again()
					return
				}
				o := c.add(client, key, "CAS", true)
				o.args = append(o.args, after)
				o.execute([]command.Watched{{Key: []byte(key), Token: uint64(seen[0])<<1 | uint64(seen[1])}}, []string{"SET", key, mark(o.args[2])})
				c.submit(p, []*operation{o}, again)
			})
		})
	})
}

// ask executes a command that is not part of a history. then gets the reply, unless none
// comes in time: then it is otherwise's turn.
func (c *clients) ask(p *process, words []string, otherwise func(), then func(reply string)) {
	args := bytesOf(words)
	c.request(p, command.Lookup(args[0]), args, otherwise, then)
}

func (c *clients) request(p *process, spec *command.Spec, args [][]byte, otherwise func(), then func(reply string)) {
	over := false
	call := command.NewCall(spec, args, 2)
	call.OnComplete = func(call *command.Call) {
		if !over && !p.dead && !p.m.fs.Stopped() {
			over = true
			reply := string(call.Out.Buf)
			c.w.after(0, nil, func() { then(reply) })
		}
	}
	c.w.after(0, p, func() { p.node.Submit([]*command.Call{call}) })
	c.w.after(8*time.Second, nil, func() {
		if !over {
			over = true
			otherwise()
		}
	})
}

// pairStep is what the store promises for transactions.
func pairStep(s state, o *operation) (reply string, next state) {
	switch o.args[0] {
	case "TRANSFER":
		n, _ := strconv.Atoi(s.value)
		by, _ := strconv.Atoi(o.args[2])
		return fmt.Sprintf("*3\r\n:%d\r\n:%d\r\n+OK\r\n", n+by, -n-by), valued(strconv.Itoa(n + by))
	case "LOOK":
		if !s.present {
			return "*2\r\n$-1\r\n$-1\r\n", s
		}
		n, _ := strconv.Atoi(s.value)
		return "*2\r\n" + bulk(s.value) + bulk(strconv.Itoa(-n)), s
	}
	if now := s.bulk(); now != o.args[3] {
		return "*-1\r\n", s
	}
	return "*1\r\n+OK\r\n", valued(mark(o.args[2]))
}
