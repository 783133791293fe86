package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/store"
)

// watchers follow the changes of all partitions, each from wherever it got to, on any
// node. What they are told has to be without gaps, and the same for all.
type watchers struct {
	w *world
	// told is what some watcher was told of a revision.
	told map[stateKey]string
	// missed: the changes up to some revision were no longer to be had.
	missed bool
	asked  int
}

const watcherCount = 2

func (ws *watchers) start() {
	for i := range watcherCount {
		for p := range uint32(ws.w.config.Partitions) {
			ws.w.after(time.Duration(i)*time.Millisecond, nil, func() { ws.next(i, p, 0) })
		}
	}
}

// next asks for what came after a revision.
func (ws *watchers) next(watcher int, partition uint32, after uint64) {
	random := ws.w.random("watcher " + strconv.Itoa(watcher))
	p := ws.w.machines[random.IntN(len(ws.w.machines))].process
	later := func(after uint64) {
		ws.w.after(between(random, time.Millisecond, 200*time.Millisecond), nil, func() { ws.next(watcher, partition, after) })
	}
	if p == nil || p.node == nil {
		later(after)
		return
	}
	size := 1 << random.IntN(14)
	if ws.w.clients.resting {
		size = 1 << 20 // in the end everybody catches up
	}
	spec, args := command.ChangesArgs(&command.ChangesRequest{
		Partition: partition, After: after, Wait: between(random, 0, 3*time.Second), Bytes: size,
	})
	ws.asked++
	ws.w.clients.request(p, spec, args, func() { later(after) }, func(reply string) {
		switch {
		case strings.HasPrefix(reply, "-COMPACTED"):
			ws.missed = true
			words := strings.Fields(reply)
			oldest, err := strconv.ParseUint(words[len(words)-1], 10, 64)
			if err != nil || oldest <= after+1 {
				ws.w.fail("a watcher of partition %d that has revision %d is told %q", partition, after, reply)
			}
			later(oldest - 1) // the oldest may be the next one to come
		case strings.HasPrefix(reply, "-AHEAD") && ws.w.oracle.loss.at > 0:
			later(0)
		case strings.HasPrefix(reply, "-AHEAD"):
			ws.w.fail("a watcher of partition %d was told of revision %d, and now: %q", partition, after, reply)
		case strings.HasPrefix(reply, "-"):
			later(after)
		default:
			later(ws.take(partition, after, reply))
		}
	})
}

// take judges what a watcher is told, and returns how far it got.
func (ws *watchers) take(partition uint32, after uint64, reply string) uint64 {
	c, err := command.DecodeChanges([]byte(reply))
	if err != nil {
		ws.w.fail("a watcher of partition %d is told %q: %v", partition, reply, err)
		return after
	}
	if c.Revision != after+uint64(len(c.Changes)) {
		ws.w.fail("a watcher of partition %d that has revision %d is told %d changes up to %d", partition, after, len(c.Changes), c.Revision)
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if ch.Revision != after+1+uint64(i) {
			ws.w.fail("a watcher of partition %d that has revision %d is told of revision %d next", partition, after+uint64(i), ch.Revision)
		}
		k, now := stateKey{partition, ch.Revision}, changeText(ch)
		if was, known := ws.told[k]; known && was != now {
			ws.w.fail("watchers of partition %d are told of two revisions %d: %s and %s", partition, ch.Revision, was, now)
		}
		ws.told[k] = now
	}
	return c.Revision
}

func changeText(ch *store.Change) string { return fmt.Sprintf("%d %s=%s", ch.Kind, ch.Key, ch.Value) }

// check looks for the acknowledged writes of registers among what watchers were told.
func (ws *watchers) check(ops []*operation) {
	if ws.missed {
		return
	}
	times := map[string]int{}
	for _, text := range ws.told {
		times[text]++
	}
	for _, o := range ops {
		if o.args[0] != "SET" || o.outcome != answered || len(o.args) > 3 && o.args[3] == "NX" {
			continue
		}
		text := changeText(&store.Change{Kind: store.ChangeSet, Key: []byte(o.key), Value: []byte(o.args[2])})
		if times[text] != 1 {
			ws.w.fail("watchers were told %d times of an acknowledged write: %v", times[text], o)
		}
	}
}
