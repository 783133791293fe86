package sim

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// clients put load on the cluster and remember what they did and saw.
//
// There are registers (SET, SET with GET, SET with NX), counters (INCRBY) and lists
// (APPEND). Every write has a number of its own that its log entry shows, so the
// log tells which writes of unknown outcome landed, and that none landed twice.
type clients struct {
	w       *world
	ops     []*operation
	byToken map[string]*operation
	resting bool

	versions map[version]string // the value that each version names
	anyReads []*anyRead
}

type outcome uint8

const (
	pending  outcome = iota
	answered         // the reply is known
	unknown          // it may have happened or not, or may happen yet
	refused          // it certainly did not happen
)

// operation is one command of a client. A read in which a leader was stopped counts
// as asked when the leader woke up: what it then gives out has to be of that time,
// which is more than linearizability asks for, and what the lease's check after the
// read is there for.
type operation struct {
	id      int
	client  int
	key     string
	args    []string
	spec    *command.Spec // nil: args say what is sent
	raw     [][]byte      // what is sent instead
	write   bool
	call    int64
	ret     int64
	outcome outcome
	reply   string
	landed  int        // how often it is in the log
	index   uint64     // its place there
	before  *operation // a write that was sent just before this one

	decode   func(reply string) string // what the history gets for a reply that is no error; nil: the reply
	repeated bool                      // it is sent several times, and executed once
	answers  string                    // what the first of them was answered

	// In milliseconds since 1970, of keys that expire:
	ttl       int64
	low, high int64 // what clock a read can have been judged by
	stamp     int64 // the time of the log entry

	lost     bool  // it was in the log, until all machines lost their power
	restored state // what a power loss left of the key
}

func (o *operation) String() string {
	return fmt.Sprintf("client %d, %.4f to %.4f: %s -> %q (%d times in the log)", o.client,
		time.Duration(o.call).Seconds(), time.Duration(o.ret).Seconds(), strings.Join(o.args, " "), o.reply, o.landed)
}

// token is what names a write in the log.
func token(args [][]byte) string {
	switch name := strings.ToUpper(string(args[0])); {
	case len(args) >= 3 && (name == "SET" || name == "APPEND"):
		return strings.TrimRight(string(args[2]), ",")
	case len(args) == 3 && name == "INCRBY":
		return string(args[2])
	case len(args) > 2 && name == "RINGKV.EXEC":
		return markIn(args[1])
	case len(args) == 5 && (name == "RINGKV.WRITE" || name == "RINGKV.DELETE"):
		return string(args[4])
	case len(args) > 2 && name == "RINGKV.WRITEONCE":
		return string(args[2])
	}
	return ""
}

const (
	clientCount = 5
	keyCount    = 12
)

func (c *clients) start() {
	for i := range clientCount {
		c.w.after(time.Duration(i)*time.Millisecond, nil, func() { c.next(i) })
	}
}

// next sends a client's next command, or two of one key at once.
func (c *clients) next(client int) {
	if c.resting {
		return
	}
	random := c.w.clientRandom(client)
	again := func() {
		c.w.after(between(random, time.Millisecond, 60*time.Millisecond), nil, func() { c.next(client) })
	}
	m := c.w.machines[random.IntN(len(c.w.machines))]
	n := random.IntN(keyCount)
	kind, write, pipelined := n%3, random.IntN(2) == 0, random.IntN(6) == 0
	if m.process == nil || m.process.node == nil {
		again()
		return
	}
	var batch []*operation
	batch = append(batch, c.operation(client, n, kind, write, random.IntN(6)))
	if pipelined {
		second := c.operation(client, n, kind, true, random.IntN(6))
		if write {
			second.before = batch[0]
		}
		batch = append(batch, second)
	}
	c.submit(m.process, batch, again)
}

func (c *clients) operation(client, n, kind int, write bool, flavour int) *operation {
	o := &operation{id: len(c.ops) + 1, client: client, write: write}
	id := strconv.Itoa(o.id)
	o.key = []string{"register", "counter", "list"}[kind] + strconv.Itoa(n)
	switch {
	case !write:
		o.args = []string{"GET", o.key}
	case kind == 1:
		o.args = []string{"INCRBY", o.key, id}
	case kind == 2:
		o.args = []string{"APPEND", o.key, id + ","}
	case flavour == 0:
		o.args = []string{"SET", o.key, id, "NX"}
	case flavour <= 2:
		o.args = []string{"SET", o.key, id, "GET"}
	default:
		o.args = []string{"SET", o.key, id}
	}
	c.ops = append(c.ops, o)
	if write {
		c.byToken[id] = o
	}
	return o
}

// submit sends operations to a process at once; done runs when all are answered, or
// the client does not wait any more.
func (c *clients) submit(p *process, batch []*operation, done func()) {
	calls := make([]*command.Call, len(batch))
	left, gone := len(batch), false
	for i, o := range batch {
		o.call = c.w.now
		spec, args := o.spec, o.raw
		if spec == nil {
			args = bytesOf(o.args)
			spec = command.Lookup(args[0])
		}
		calls[i] = command.NewCall(spec, args, 2)
		calls[i].OnComplete = func(call *command.Call) {
			if o.outcome == pending && !p.dead && !p.m.fs.Stopped() {
				o.low, o.high = o.low+c.w.slowest, c.w.latest() // clocks may have jumped meanwhile
				o.settle(c.w.now, string(call.Out.Buf))
				c.w.note(uint64(o.id), uint64(o.outcome))
				if left--; left == 0 && !gone {
					gone = true
					done()
				}
			}
		}
	}
	c.w.after(0, p, func() {
		if p.stopInRead && !batch[0].write && len(c.w.leaderships(p)) > 0 {
			// Right after the lease was found to hold: Submit reads the clock
			// once, and the lease's check is next.
			p.stopInRead, p.stopIn, p.stopAfter = false, 2, true
			p.stopped = func() { batch[0].call = c.w.now }
		}
		p.node.Submit(calls)
	})
	// A client that waited for long goes on, and still takes a late answer.
	patience := between(c.w.random("patience"), 200*time.Millisecond, 6*time.Second)
	c.w.after(patience, nil, func() {
		if !gone {
			gone = true
			done()
		}
	})
}

func (o *operation) settle(now int64, reply string) {
	o.ret, o.reply = now, reply
	switch {
	case strings.HasPrefix(reply, "-UNKNOWNRESULT"):
		o.outcome = unknown
	case strings.HasPrefix(reply, "-"):
		o.outcome = refused
	default:
		o.outcome = answered
		if o.decode != nil {
			o.reply = o.decode(reply)
		}
	}
}

// silence returns the longest time without an answer, by kind of operation.
func (c *clients) silence() map[string]time.Duration {
	last, longest := map[string]int64{}, map[string]time.Duration{}
	answers := slices.DeleteFunc(slices.Clone(c.ops), func(o *operation) bool { return o.outcome != answered })
	slices.SortFunc(answers, func(a, b *operation) int { return cmp.Compare(a.ret, b.ret) })
	for _, o := range answers {
		kind := o.args[0]
		if at, again := last[kind]; again {
			longest[kind] = max(longest[kind], time.Duration(o.ret-at))
		}
		last[kind] = o.ret
	}
	return longest
}

// state is the value of a key; present is false if there is none.
type state struct {
	present bool
	value   string
	expire  int64 // milliseconds since 1970; only of keys that expire
}

// valued is the state with a value.
func valued(v string) state { return state{present: true, value: v} }

// bulk is the reply to GET.
func (s state) bulk() string {
	if !s.present {
		return "$-1\r\n"
	}
	return bulk(s.value)
}

func bulk(v string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(v), v) }

// step is what the store promises for one key. An output of nil is unknown.
func step(s state, o *operation) (reply string, next state) {
	switch o.args[0] {
	case "TRANSFER", "LOOK", "CAS":
		return pairStep(s, o)
	case "PUTIF", "DELETEIF":
		return conditionStep(s, o)
	case "LEND", "LENDFIRST":
		return lendStep(s, o)
	case "RESTORE":
		return "", o.restored
	case "GET":
		return s.bulk(), s
	case "INCRBY", "ONCE":
		n, _ := strconv.Atoi(s.value)
		by, _ := strconv.Atoi(o.args[2])
		return fmt.Sprintf(":%d\r\n", n+by), valued(strconv.Itoa(n + by))
	case "APPEND":
		return fmt.Sprintf(":%d\r\n", len(s.value)+len(o.args[2])), valued(s.value + o.args[2])
	}
	next = valued(o.args[2])
	switch option := slices.Concat(o.args, []string{""})[3]; {
	case option == "GET":
		return s.bulk(), next
	case option == "NX" && s.present:
		return "$-1\r\n", s
	}
	return "+OK\r\n", next
}

var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) {
		o := in.(*operation)
		if o.args[0] == "PEEK" {
			return mayShow(s.(state), o), s
		}
		reply, next := step(s.(state), o)
		return out == nil || out.(string) == reply, next
	},
}

// check judges everything that the clients did and saw.
func (c *clients) check() {
	if c.w.oracle.loss.at > 0 && !c.w.oracle.whole {
		return // what is left is judged by the entries that were seen
	}
	c.restore()
	byKey := map[string][]porcupine.Operation{}
	for _, o := range c.ops {
		switch {
		case o.landed > 1 && !o.repeated:
			c.w.fail("a write was executed %d times: %v", o.landed, o)
		case o.write && o.outcome == answered && o.landed == 0 && c.w.oracle.whole && !c.w.oracle.loss.excuses(o):
			c.w.fail("an acknowledged write is in no log: %v", o)
		case o.write && o.outcome == refused && o.landed > 0:
			c.w.fail("a write that was refused was executed: %v", o)
		}
		if o.low > 0 && !c.w.oracle.whole {
			continue // a key that expires is judged by the times of all entries
		}
		if o.before != nil && o.landed > 0 && o.before.landed > 0 && o.before.index > o.index {
			c.w.fail("a pipelined write overtook the one before it:\n  %v\n  %v", o.before, o)
		}
		p := porcupine.Operation{ClientId: o.client, Input: o, Call: o.call, Return: math.MaxInt64}
		switch {
		case o.outcome == answered:
			p.Output, p.Return = o.reply, o.ret
		case o.lost || o.landed > 0 && o.call < c.w.oracle.loss.at:
			p.Return = c.w.oracle.loss.at - 1 // nothing that was under way outlived that
		case o.write && o.landed > 0:
			p.Return = c.settledBy(o)
		case o.write && !c.w.oracle.whole && o.outcome != refused:
		default:
			continue
		}
		byKey[o.key] = append(byKey[o.key], p)
	}
	keys := make([]string, 0, len(byKey))
	for k := range byKey {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if porcupine.CheckOperationsTimeout(model, byKey[k], time.Minute) == porcupine.Illegal {
			c.w.fail("the history of %s is not linearizable:\n%s", k, c.around(byKey[k]))
		}
	}
}

// settledBy returns when a write of unknown outcome that is in the log had happened
// at the latest: when a later one of its key was answered.
func (c *clients) settledBy(o *operation) int64 {
	at := int64(math.MaxInt64)
	for _, x := range c.ops[o.id:] {
		if x.key == o.key && x.outcome == answered && x.landed > 0 && x.index > o.index {
			at = min(at, x.ret)
		}
	}
	return at
}

// around shows the shortest beginning of a history that is already wrong.
func (c *clients) around(ops []porcupine.Operation) string {
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	lo, hi := 0, len(ops)
	for lo < hi {
		if mid := (lo + hi) / 2; porcupine.CheckOperationsTimeout(model, ops[:mid], 10*time.Second) == porcupine.Illegal {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	var b strings.Builder
	for _, o := range ops[max(0, lo-12):min(lo, len(ops))] {
		fmt.Fprintf(&b, "  %v\n", o.Input)
	}
	return b.String()
}
