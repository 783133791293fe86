package sim

import (
	"math/rand/v2"
	"strconv"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// Keys that expire are judged by what the clocks showed. A write has the time of its log
// entry, which the oracle sees, so when its value expires is known to the millisecond. A
// read is judged by the clock of the leader that serves it, which is none that is faster or
// slower than all there ever were.

// expiringKeys is how many keys are set to expire.
const expiringKeys = 3

// nextExpiry reads a key, or sets it for a while, sometimes only if it is not there.
func (c *clients) nextExpiry(client int, random *rand.Rand, p *process, again func()) {
	key := "expiring" + strconv.Itoa(random.IntN(expiringKeys))
	if random.IntN(2) == 0 {
		o := c.add(client, key, "PEEK", false)
		o.raw = bytesOf([]string{"GET", key})
		c.submitTimed(p, o, again)
		return
	}
	o := c.add(client, key, "LEND", true)
	o.ttl = 1 + random.Int64N(2000)<<random.IntN(3)
	o.raw = bytesOf([]string{"SET", key, o.args[2], "PX", strconv.FormatInt(o.ttl, 10)})
	if random.IntN(2) == 0 {
		o.args[0] = "LENDFIRST"
		o.raw = append(o.raw, []byte("NX"))
	}
	c.submitTimed(p, o, again)
}

// submitTimed submits an operation on a key that expires.
func (c *clients) submitTimed(p *process, o *operation, done func()) {
	o.spec = command.Lookup(o.raw[0])
	o.low = epoch + c.w.now/1e6
	c.submit(p, []*operation{o}, done)
}

// lendStep is what the store promises for a write of a value that expires.
func lendStep(s state, o *operation) (reply string, next state) {
	if o.args[0] == "LENDFIRST" && s.present && s.expire >= o.stamp {
		return state{}.bulk(), s
	}
	return "+OK\r\n", state{present: true, value: o.args[2], expire: o.stamp + o.ttl}
}

// mayShow tells whether a read may have been answered as it was.
func mayShow(s state, o *operation) bool {
	if o.reply == (state{}).bulk() {
		return !s.present || s.expire < o.high
	}
	return s.bulk() == o.reply && s.expire >= o.low
}

// noteClock takes note of where a machine's wall clock stands.
func (w *world) noteClock(m *machine) {
	w.slowest, w.fastest = min(w.slowest, m.wall), max(w.fastest, m.wall)
}

// latest is the latest that any wall clock can show that there ever was, in milliseconds
// since 1970.
func (w *world) latest() int64 { return epoch + w.now/1e6 + w.fastest }
