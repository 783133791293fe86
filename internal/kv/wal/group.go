package wal

import (
	"fmt"
	"sync"
)

// Group is one partition's view of the log: its entries, and where its snapshot
// is. It shows what was appended at once, whether or not it is durable yet. Its
// methods may be called concurrently.
//
//	snapshot index            (entries up to here pin no segment,
//	       |                   but can be read while they exist)
//	 first v                                                  last
//	  |----.-------------------|==============================|
//	     places in segment files        entries in memory
//	                           tailFirst
type Group struct {
	log       *Log
	partition uint32

	mu        sync.RWMutex
	life      uint64 // raised whenever all entries go: what is still being written then is of no interest
	replica   uint64
	tombstone uint64
	snapshot  *SnapshotRef
	durable   uint64 // index of the newest snapshot that is on stable storage
	edits     uint64 // counts writes that dropped entries
	pin       uint32 // segment that holds dropped entries, 0: none
	pinnedBy  uint64 // the edit whose being durable lifts the pin
	first     uint64 // index of the first entry that can be read
	terms     []termRun
	filed     queue[location] // from first
	tail      queue[tailEntry]
	tailFirst uint64
}

// termRun says that entries from an index on are of a term. The first run begins
// at first-1, the entry that the log continues from; runs ascend.
type termRun struct{ from, term uint64 }

// location is where an entry's record is.
type location struct{ segment, offset, length uint32 } // segment 0: not written yet

type tailEntry struct {
	Entry
	at location
}

// tailOverhead is what an entry in memory costs besides its data, in bytes.
const tailOverhead = 64

func newGroup(l *Log, partition uint32) *Group {
	g := &Group{log: l, partition: partition}
	g.restart(1, 0)
	return g
}

// FirstIndex returns the index of the oldest entry that can be read, which is one
// above LastIndex if there is none.
func (g *Group) FirstIndex() uint64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.first
}

// LastIndex returns the index of the newest entry, or of the snapshot if the log
// is empty behind it.
func (g *Group) LastIndex() uint64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.last()
}

// Replica returns the ID of the replica that lives here, or 0.
func (g *Group) Replica() uint64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.replica
}

// Snapshot returns the newest snapshot, or nil. It must not be changed.
func (g *Group) Snapshot() *SnapshotRef {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.snapshot
}

// Term returns the term of an entry from FirstIndex-1 to LastIndex, otherwise
// ErrCompacted or ErrUnavailable.
func (g *Group) Term(index uint64) (uint64, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if index > g.last() {
		return 0, ErrUnavailable
	}
	if index+1 < g.first {
		if g.snapshot != nil && g.snapshot.Index == index {
			return g.snapshot.Term, nil
		}
		return 0, ErrCompacted
	}
	return g.term(index), nil
}

func (g *Group) last() uint64 { return g.tailFirst + uint64(g.tail.len()) - 1 }

func (g *Group) term(index uint64) uint64 {
	for i := len(g.terms) - 1; i > 0; i-- {
		if g.terms[i].from <= index {
			return g.terms[i].term
		}
	}
	return g.terms[0].term
}

// restart drops all entries; the next one has the index first and follows one of
// the given term.
func (g *Group) restart(first, previousTerm uint64) {
	g.forget(g.tail.view())
	g.life++
	g.first, g.tailFirst = first, first
	g.filed.reset()
	g.tail.reset()
	g.terms = append(g.terms[:0], termRun{first - 1, previousTerm})
}

// forget takes entries out of the account of memory.
func (g *Group) forget(es []tailEntry) {
	n := 0
	for i := range es {
		n += len(es[i].Data) + tailOverhead
	}
	g.log.tailBytes.Add(int64(-n))
}

// drops must be called before a write drops entries. They must be found by a
// replay until that write is durable, so their segment must not be deleted.
func (g *Group) drops() {
	g.edits++
	segment, _, ok := g.needed()
	if !ok && g.tail.len() > 0 { // they will be written to the newest segment or a later one
		segment, ok = g.log.newest.Load(), true
	}
	if ok {
		g.pin, g.pinnedBy = segment, g.edits
	}
}

// settled notes that all edits up to the given one are durable, and with them a
// snapshot of the given life, if index is not 0.
func (g *Group) settled(edits, life, index uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pinnedBy <= edits {
		g.pin = 0
	}
	if g.life == life {
		g.durable = max(g.durable, index)
	}
}

// admit checks a write against the replica that lives here, and brings everything
// but the entries forward. It returns false for a write that must be dropped.
func (g *Group) admit(w *Write) bool {
	if w.Tombstone == 0 && w.Create == nil && (w.Replica != g.replica || g.replica == 0) {
		return false
	}
	if w.Create != nil && (w.Replica == 0 || w.Replica < max(g.tombstone, w.Tombstone)) {
		return false
	}
	if w.Tombstone != 0 || w.Create != nil {
		g.drops()
	}
	if w.Tombstone != 0 {
		g.tombstone = max(g.tombstone, w.Tombstone)
		g.begin(0)
	}
	if w.Create != nil {
		g.begin(w.Replica)
	}
	if s := w.Snapshot; s != nil {
		if s.Received || s.Index > g.last() {
			g.drops()
			g.restart(s.Index+1, s.Term)
		}
		g.snapshot = s
	}
	return true
}

// begin starts a replica's life; 0 for none.
func (g *Group) begin(replica uint64) {
	g.restart(1, 0)
	g.replica, g.snapshot, g.durable = replica, nil, 0
}

// append adds entries that are not written yet. It panics if they would leave a
// hole: that is a mistake of the caller which nothing could repair later.
func (g *Group) append(es []Entry) {
	if len(es) == 0 {
		return
	}
	if es[0].Index > g.last()+1 {
		panic(fmt.Sprintf("wal: partition %d: entry %d appended after entry %d", g.partition, es[0].Index, g.last()))
	}
	if es[0].Index <= g.last() {
		g.drops()
		g.cut(es[0].Index)
	}
	n := 0
	for i := range es {
		if es[i].Index != es[0].Index+uint64(i) {
			panic(fmt.Sprintf("wal: partition %d: entry %d appended after entry %d", g.partition, es[i].Index, es[i-1].Index))
		}
		g.pushTerm(es[i].Index, es[i].Term)
		g.tail.push(tailEntry{Entry: es[i]})
		n += len(es[i].Data) + tailOverhead
	}
	g.log.tailBytes.Add(int64(n))
}

func (g *Group) pushTerm(index, term uint64) {
	if g.terms[len(g.terms)-1].term != term {
		g.terms = append(g.terms, termRun{index, term})
	}
}

// cut drops the entries from index on.
func (g *Group) cut(index uint64) {
	if index > g.last() {
		return
	}
	if index < g.first {
		g.restart(index, 0)
		return
	}
	for len(g.terms) > 1 && g.terms[len(g.terms)-1].from >= index {
		g.terms = g.terms[:len(g.terms)-1]
	}
	if index < g.tailFirst {
		g.forget(g.tail.view())
		g.tail.reset()
		g.filed.keep(int(index - g.first))
		g.tailFirst = index
		return
	}
	keep := int(index - g.tailFirst)
	g.forget(g.tail.view()[keep:])
	g.tail.keep(keep)
}

// written notes where entries that were appended have been written to.
func (g *Group) written(life uint64, es []Entry, at []location) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if life != g.life {
		return
	}
	for i := range es {
		// An entry that was overwritten since has another term.
		if j := es[i].Index - g.tailFirst; j < uint64(g.tail.len()) && g.tail.at(int(j)).Term == es[i].Term {
			g.tail.at(int(j)).at = at[i]
		}
	}
}

// file adds an entry that the replay found.
func (g *Group) file(index, term uint64, at location) {
	g.cut(index)
	g.pushTerm(index, term)
	g.filed.push(at)
	g.tailFirst++
}

// evict forgets the content of the older half of the entries in memory, as far as
// they are written.
func (g *Group) evict() {
	g.mu.Lock()
	defer g.mu.Unlock()
	half := (g.tail.len() + 1) / 2
	n := 0
	for n < half && g.tail.at(n).at.segment != 0 {
		g.filed.push(g.tail.at(n).at)
		n++
	}
	g.forget(g.tail.view()[:n])
	g.tail.drop(n)
	g.tailFirst += uint64(n)
}

// needs returns the oldest segment that a replay needs for this partition's
// entries, and where in it the oldest of them is. Entries that are not written yet
// need none.
func (g *Group) needs() (segment, offset uint32, ok bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.needed()
}

func (g *Group) needed() (segment, offset uint32, ok bool) {
	index := max(g.durable+1, g.first)
	var at location
	switch {
	case index > g.last():
	case index < g.tailFirst:
		at = *g.filed.at(int(index - g.first))
	default:
		at = g.tail.at(int(index - g.tailFirst)).at
	}
	if g.pin != 0 && (at.segment == 0 || g.pin < at.segment) {
		return g.pin, 0, true
	}
	return at.segment, at.offset, at.segment != 0
}

// dropThrough forgets the entries up to an index that is not above the last one.
func (g *Group) dropThrough(index uint64) {
	if index < g.first {
		return
	}
	term := g.term(index)
	g.dropFirst(int(min(index+1, g.tailFirst)-g.first), int(max(index+1, g.tailFirst)-g.tailFirst), term)
}

// release forgets the entries in segments up to the given one, which is about to
// be deleted.
func (g *Group) release(segment uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for n < g.filed.len() && g.filed.at(n).segment <= segment {
		n++
	}
	inTail := 0
	if n == g.filed.len() {
		for inTail < g.tail.len() {
			at := g.tail.at(inTail).at
			if at.segment == 0 || at.segment > segment {
				break
			}
			inTail++
		}
	}
	if n+inTail == 0 {
		return
	}
	g.dropFirst(n, inTail, g.term(g.first+uint64(n+inTail)-1))
}

// dropFirst forgets the first entries, filed and then in memory, of which the last
// one has the given term.
func (g *Group) dropFirst(filed, inTail int, term uint64) {
	first := g.first + uint64(filed+inTail)
	for len(g.terms) > 1 && g.terms[1].from < first {
		g.terms = append(g.terms[:0], g.terms[1:]...)
	}
	g.terms[0] = termRun{first - 1, term}
	g.filed.drop(filed)
	g.forget(g.tail.view()[:inTail])
	g.tail.drop(inTail)
	g.first = first
	g.tailFirst = max(g.tailFirst, first)
}
