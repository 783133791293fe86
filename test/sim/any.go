package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// anyRead is a look at a pair of keys that any replica could answer. What it shows may be
// old, but it is what some beginning of the partition's log makes.
type anyRead struct {
	tag   string
	at    int64            // when it was answered
	from  *replica.Replica // that answered it; nil if it went to another node
	reply string
	sum   int  // of the transfers that it shows
	last  bool // in the end, when there is nothing to be behind of
}

func (r *anyRead) String() string {
	return fmt.Sprintf("%.4f: LOOK %s on any replica -> %q", time.Duration(r.at).Seconds(), r.tag, r.reply)
}

// nextAny looks at a pair of keys on any replica.
func (c *clients) nextAny(_ int, random *rand.Rand, p *process, again func()) {
	c.lookAnywhere(p, pairTag(random.IntN(pairCount)), false)
	again()
}

// lookAnywhere asks a node for a pair of keys.
func (c *clients) lookAnywhere(p *process, tag string, last bool) {
	tx := new(command.Transaction)
	for _, name := range []string{"a", "b"} {
		args := bytesOf([]string{"GET", tag + name})
		tx.Add(command.Lookup(args[0]), args, 2)
	}
	spec, args := tx.Command(nil)
	call := command.NewCall(spec, args, 2)
	call.ReadAny = true
	read := &anyRead{tag: tag, last: last}
	c.w.after(0, p, func() {
		here := p.replicaOf(ring.Partition(ring.Slot([]byte(tag)), c.w.config.Partitions))
		submitting := true
		call.OnComplete = func(call *command.Call) {
			if p.dead || p.m.fs.Stopped() || call.Out.IsError() {
				return
			}
			read.at, read.reply = c.w.now, string(call.Out.Buf)
			if submitting { // what is answered at once is answered here
				if read.from = here; here == nil || here.Status().State == cluster.ReplicaEmpty {
					c.w.fail("%s has no copy that it could answer from: %v", p.m.name, read)
				}
			}
			c.anyReads = append(c.anyReads, read)
		}
		p.node.Submit([]*command.Call{call})
		submitting = false
	})
}

// replicaOf returns the node's copy of a partition, or nil.
func (p *process) replicaOf(partition uint32) *replica.Replica {
	for _, r := range p.node.Replicas() {
		if r.Partition() == partition {
			return r
		}
	}
	return nil
}

// lookAtLast asks every node for every pair, when all is well and at rest.
func (c *clients) lookAtLast() {
	if c.w.failure != nil || !slices.Contains(c.w.config.Loads, "any") {
		return
	}
	answered, asked := len(c.anyReads), 0
	for _, m := range c.w.machines {
		if m.running() == nil {
			continue
		}
		for i := range pairCount {
			c.lookAnywhere(m.process, pairTag(i), true)
			asked++
		}
	}
	c.w.runUntil(c.w.now + int64(5*time.Second))
	if answered = len(c.anyReads) - answered; answered != asked {
		c.w.fail("all is well, but %d of %d reads that any replica may answer are answered", answered, asked)
	}
}

// checkAny judges what any replica answered: both keys are of one moment; that moment is
// the end of one of the transfers in the log, in their order there; it was not before its
// time; no copy goes back; and in the end none is behind.
func (c *clients) checkAny() {
	shows := map[string][]*operation{} // by tag, in the order of the log
	for _, o := range c.ops {
		if o.args[0] == "TRANSFER" && o.landed > 0 {
			shows[o.key] = append(shows[o.key], o)
		}
	}
	places := map[string]map[int]int{} // by tag: how many transfers make a sum
	for i := range pairCount {
		tag := pairTag(i)
		slices.SortFunc(shows[tag], func(a, b *operation) int { return int(a.index) - int(b.index) })
		sum := 0
		places[tag] = map[int]int{0: 0}
		for n, o := range shows[tag] {
			sum += o.id
			places[tag][sum] = n + 1
		}
	}
	type copied struct {
		from *replica.Replica
		tag  string
	}
	newest := map[copied]int{}
	for _, r := range c.anyReads {
		if !r.decode() {
			c.w.fail("any replica may be behind, but not in between: %v", r)
			continue
		}
		if !c.w.oracle.whole {
			continue
		}
		place, known := places[r.tag][r.sum]
		k := copied{r.from, r.tag}
		switch {
		case !known:
			c.w.fail("a replica shows what was never there: %v", r)
		case place > 0 && shows[r.tag][place-1].call > r.at:
			c.w.fail("a replica shows what was only asked for later: %v", r)
		case r.from != nil && place < newest[k]:
			c.w.fail("a replica shows transfer %d of a pair and then transfer %d: %v", newest[k], place, r)
		case r.last && place < len(shows[r.tag]):
			c.w.fail("a replica that has nothing to wait for shows transfer %d of %d: %v", place, len(shows[r.tag]), r)
		}
		newest[k] = max(newest[k], place)
	}
}

// decode reads the sum, and tells whether both keys are of one moment.
func (r *anyRead) decode() bool {
	if r.reply == "*2\r\n$-1\r\n$-1\r\n" {
		return true
	}
	words := strings.Fields(r.reply)
	if len(words) != 5 {
		return false
	}
	a, errA := strconv.Atoi(words[2])
	b, errB := strconv.Atoi(words[4])
	r.sum = a
	return errA == nil && errB == nil && a == -b
}
