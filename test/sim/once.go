package sim

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// onceKeys is how many counters are incremented with idempotency keys.
const onceKeys = 2

// nextOnce increments a counter by a write with an idempotency key, which is sent again
// and again, to any node, also while an earlier one is under way. In the history of the
// counter that is one increment, whatever became of each of them.
func (c *clients) nextOnce(client int, random *rand.Rand, p *process, again func()) {
	key := "once" + strconv.Itoa(random.IntN(onceKeys))
	if random.IntN(3) == 0 {
		o := c.add(client, key, "GET", false)
		o.args = o.args[:2]
		c.submit(p, []*operation{o}, again)
		return
	}
	o := c.add(client, key, "ONCE", true)
	o.call = c.w.now
	ops := []command.Op{{Kind: command.OpIncrement, Key: []byte(key), Delta: int64(o.id)}}
	o.spec, o.raw = command.WriteArgs(ops, false, command.NewOnce("once "+o.args[2], ops, false))
	c.byToken[token(o.raw)] = o
	o.repeated = true
	c.attempt(o, random, 1+random.IntN(4), again)
}

// attempt sends a write to a node, and after a while to another one, until one has
// answered or it was sent often enough. It is sent a last time after it was answered, now
// and then.
func (c *clients) attempt(o *operation, random *rand.Rand, times int, done func()) {
	if p := c.w.machines[random.IntN(len(c.w.machines))].process; p != nil && p.node != nil {
		c.request(p, o.spec, o.raw, func() {}, func(reply string) { c.hearAgain(o, reply) })
	}
	c.w.after(between(random, 5*time.Millisecond, 300*time.Millisecond)<<random.IntN(5), nil, func() {
		if times > 1 && !c.resting && (o.outcome == pending || random.IntN(2) == 0) {
			c.attempt(o, random, times-1, done)
		} else {
			done()
		}
	})
}

// hearAgain takes one of the answers to a write that was sent several times. All of them
// are the same, with the same version. An error says of one sending that it did nothing, or
// that nobody knows.
func (c *clients) hearAgain(o *operation, reply string) {
	switch {
	case strings.HasPrefix(reply, "-KEYREUSED"):
		c.w.fail("a write with an idempotency key that was only sent again is answered %q: %v", reply, o)
	case strings.HasPrefix(reply, "-"):
	case o.outcome == pending:
		o.answers = reply
		o.settle(c.w.now, c.numberIn(o, reply))
		c.w.note(uint64(o.id), uint64(o.outcome))
	case o.answers != reply:
		c.w.fail("a write with an idempotency key is answered %q and then %q: %v", o.answers, reply, o)
	}
}

// numberIn turns the answer to an increment into that of INCRBY.
func (c *clients) numberIn(o *operation, reply string) string {
	results, err := command.DecodeResults([]byte(reply))
	if err != nil || len(results) != 1 || results[0].Status != command.OpDone {
		c.w.fail("an increment is answered %q: %v", reply, o)
		return reply
	}
	return fmt.Sprintf(":%s\r\n", results[0].Value)
}
