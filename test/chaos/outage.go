//go:build linux

package chaos

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"
)

// outages finds how long no operation of a kind succeeded on a partition while somebody
// waited for one: from the last success, or from the first call after it, until the next
// success. A client that waits alone, at a node that was stopped, while others succeed is
// no outage; nor is a time in which nobody asks.
type outages struct {
	mu      sync.Mutex
	samples map[outageKey][]sample // guarded by mu
	faults  []interval             // guarded by mu
}

type outageKey struct {
	kind      string
	partition uint32
}

type sample struct {
	call, ret time.Duration
	ok        bool
}

// interval is when a fault of a kind was in force.
type interval struct {
	kind     string
	from, to time.Duration
}

// outage is one.
type outage struct {
	kind      string
	partition uint32
	from, to  time.Duration
}

func (o outage) length() time.Duration { return o.to - o.from }

func (o *outages) note(kind string, partition uint32, call, ret time.Duration, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.samples == nil {
		o.samples = map[outageKey][]sample{}
	}
	k := outageKey{kind, partition}
	o.samples[k] = append(o.samples[k], sample{call, ret, ok})
}

func (o *outages) fault(kind string, from, to time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faults = append(o.faults, interval{kind, from, to})
}

// find returns all outages.
func (o *outages) find() []outage {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []outage
	for k, samples := range o.samples {
		found = append(found, outagesOf(k, samples)...)
	}
	return found
}

// unasked is how long nobody has to ask until an outage counts as over: nobody knows
// what came after the last failure.
const unasked = 3 * time.Second

func outagesOf(k outageKey, samples []sample) []outage {
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.ret, b.ret) })
	// The first call among each sample and all that returned later.
	asked := make([]time.Duration, len(samples))
	for i := len(samples) - 1; i >= 0; i-- {
		asked[i] = samples[i].call
		if i+1 < len(samples) {
			asked[i] = min(asked[i], asked[i+1])
		}
	}
	var found []outage
	const nobody = time.Duration(math.MaxInt64)
	succeeded, waiting := time.Duration(0), nobody // the last success; the first call that has had none
	for i, s := range samples {
		if waiting != nobody && asked[i] > samples[i-1].ret+unasked {
			found = append(found, outage{k.kind, k.partition, max(succeeded, waiting), samples[i-1].ret})
			waiting = nobody
		}
		waiting = min(waiting, s.call)
		if s.ok {
			found = append(found, outage{k.kind, k.partition, max(succeeded, waiting), s.ret})
			succeeded, waiting = s.ret, nobody
		}
	}
	if waiting != nobody {
		found = append(found, outage{k.kind, k.partition, max(succeeded, waiting), samples[len(samples)-1].ret})
	}
	return found
}

// aftermath is how long after its end a fault still counts as the cause of an outage.
const aftermath = 5 * time.Second

// longest returns the longest outage of each kind of operation, overall under "", and
// among those that a kind of fault was, or had just been, in force.
func (o *outages) longest() map[string]map[string]outage {
	result := map[string]map[string]outage{"": {}}
	for _, found := range o.find() {
		note := func(fault string) {
			if result[fault] == nil {
				result[fault] = map[string]outage{}
			}
			if found.length() > result[fault][found.kind].length() {
				result[fault][found.kind] = found
			}
		}
		note("")
		for _, f := range o.faults {
			if f.from <= found.to && found.from <= f.to+aftermath {
				note(f.kind)
			}
		}
	}
	return result
}
