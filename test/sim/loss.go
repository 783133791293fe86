package sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/ringkv/ringkv/internal/kv/ring"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// loss is a power loss of all machines of a cluster that syncs by interval. Each
// partition may lose what was written last, for no longer than the interval, and goes on
// from what comes before: the end of its log is gone, and nothing from its middle.
type loss struct {
	at int64 // true time; 0: there was none
	// since is from when on writes may be lost.
	since int64
	terms map[uint32]uint64 // by partition, of the newest entry before
	// cuts is where the first entry of a new leader is, by partition: what was there and
	// behind it is gone.
	cuts map[uint32]uint64
}

// expectLoss prepares for a power loss of all machines. It tells whether there may be one:
// only once in a run, and not while a process is stopped, which cannot sync.
func (o *oracle) expectLoss() bool {
	if o.loss.at > 0 || len(o.w.config.Loads) > 0 {
		return false
	}
	slowest := int64(1)
	for _, m := range o.w.machines {
		if p := m.process; p != nil && p.stoppedUntil >= o.w.now {
			return false
		}
		slowest = max(slowest, m.slow)
	}
	o.look()
	// A sync begins after the interval at the latest, by a clock that is a bit slow, and
	// takes its time.
	lag := 1100*time.Millisecond + 2*slowestSync*time.Duration(slowest)
	o.loss = loss{at: o.w.now, since: o.w.now - int64(lag), terms: map[uint32]uint64{}, cuts: map[uint32]uint64{}}
	for p, log := range o.logs {
		for _, e := range log {
			o.loss.terms[p] = max(o.loss.terms[p], e.term)
		}
	}
	o.rotten = true // a copy that knows more than the others is refused
	o.w.watchers.missed = true
	clear(o.w.watchers.told)
	return true
}

// slowestSync is how long a disk takes for a sync at most, if it is not slow.
const slowestSync = 30 * time.Millisecond

// shows tells whether an entry is the first that says where the log was cut.
func (l *loss) shows(partition uint32, e wal.Entry) bool {
	return l.at > 0 && l.cuts[partition] == 0 && e.Term > l.terms[partition]
}

// took tells whether an entry is one that a copy still has but others forgot.
func (l *loss) took(partition uint32, e wal.Entry) bool {
	return l.cuts[partition] > 0 && e.Index >= l.cuts[partition] && e.Term <= l.terms[partition]
}

// excuses tells whether an acknowledged write may be gone.
func (l *loss) excuses(o *operation) bool {
	return l.at > 0 && (o.lost || o.ret >= l.since && o.ret <= l.at)
}

// forget takes out of the log what was lost.
func (o *oracle) forget(partition uint32, from uint64) {
	o.loss.cuts[partition] = from
	log := o.logs[partition]
	for i, e := range log {
		if i < from {
			continue
		}
		if e.seen < o.loss.since {
			o.w.fail("entry %d of partition %d, applied at %.4f, is lost: longer than the interval before the power loss at %.4f",
				i, partition, time.Duration(e.seen).Seconds(), time.Duration(o.loss.at).Seconds())
		}
		for _, op := range e.ops {
			op.landed--
			op.lost = true
		}
		delete(log, i)
	}
	o.last[partition] = min(o.last[partition], from-1)
	o.w.logf("partition %d goes on from entry %d after the power loss", partition, from)
}

// restore puts into the history what a power loss left: every key is as the writes left it
// that are still in the log.
func (c *clients) restore() {
	l := &c.w.oracle.loss
	if l.at == 0 || !c.w.oracle.whole {
		return
	}
	byKey := map[string][]*operation{}
	var keys []string
	for _, o := range c.ops {
		if byKey[o.key] == nil {
			keys = append(keys, o.key)
		}
		byKey[o.key] = append(byKey[o.key], o)
	}
	for _, key := range keys {
		cut := l.cuts[ring.Partition(ring.Slot([]byte(key)), c.w.config.Partitions)]
		kept := slices.DeleteFunc(byKey[key], func(o *operation) bool { return o.landed == 0 || o.index>>20 >= cut })
		slices.SortFunc(kept, func(a, b *operation) int { return cmp.Compare(a.index, b.index) })
		s := state{}
		for _, o := range kept {
			_, s = step(s, o)
		}
		c.ops = append(c.ops, &operation{
			id: len(c.ops) + 1, client: -1, key: key, args: []string{"RESTORE", key}, call: l.at, ret: l.at, outcome: answered, restored: s,
		})
	}
}
