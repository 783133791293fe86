package wal

// account keeps track of records that are missing.
//
// The serials say how many records were lost at a place. The next record of each
// partition says by its sequence how many of them were that partition's, and so
// does the next checkpoint. If that adds up, a partition without a later record has
// lost nothing. If not, it could have.
type account struct {
	scan   *segmentScan // the segment
	oldest bool         // it is the first one
	damage []Damage

	serial  uint32 // of the next record
	started bool   // serial is known
	ordinal uint64 // counts the records that were applied

	hole     Place  // where records were missing last; Segment 0: nowhere
	holeAt   uint64 // the ordinal then
	open     bool   // the serial of the next record will say how many are missing in the last Damage
	lostSum  int64  // records that are missing, but for those of checkpoints
	foundSum int64  // of those, how many are known to be whose
}

// unknownLoss is more than can ever be found again.
const unknownLoss = 1 << 40

func (a *account) begin(s *segmentScan, oldest bool) {
	a.scan, a.oldest = s, oldest
	switch {
	case s.header == nil: // nobody knows what was in it; the next record may tell
		a.bad(Damage{Segment: s.number, Bytes: recordsStart, Reason: "no copy of the segment's header can be read"})
	case oldest:
		a.serial, a.started = s.header.firstSerial, true
	}
}

// bad takes note of a place where records were.
func (a *account) bad(d Damage) {
	a.damage = append(a.damage, d)
	a.hole, a.holeAt = Place{d.Segment, d.Offset}, a.ordinal
	a.open = true
}

// misses says whether there were records before rec that are missing.
func (a *account) misses(rec *Record) bool {
	return a.open || a.started && rec.Serial != a.serial
}

// jump accounts for the records that are missing before rec.
func (a *account) jump(rec *Record) {
	if !a.started { // the header of the oldest segment is lost
		a.open = false
		if rec.Offset > recordsStart { // and what came first
			a.lostSum += unknownLoss
		}
		return
	}
	a.reach(rec.Serial, rec.Place)
}

// reach accounts for the records between the last one and a serial.
func (a *account) reach(serial uint32, at Place) {
	n := serial - a.serial
	if n == 0 {
		a.open = false
		return
	}
	if !a.open {
		a.bad(Damage{Segment: at.Segment, Offset: at.Offset, Reason: "records are missing before this place"})
	}
	a.open = false
	a.damage[len(a.damage)-1].Records = n
	a.lostSum += a.lossOf(n)
	a.serial = serial
}

// lossOf returns how many of the next n records cannot be said to be those of a
// checkpoint, which only repeats what the records before it say. The oldest
// checkpoint is another matter: what was in it cannot be found anywhere else.
func (a *account) lossOf(n uint32) int64 {
	h := a.scan.header
	if n >= 1<<31 || h == nil && a.oldest {
		return unknownLoss
	}
	if h == nil {
		return int64(n)
	}
	from := int64(int32(h.firstSerial - a.serial))
	repeated := max(0, min(int64(n), from+int64(h.checkpointCount))-max(0, from))
	if repeated > 0 && a.oldest {
		return unknownLoss
	}
	return int64(n) - repeated
}

// belong notes whose n of the missing records were.
func (a *account) belong(n uint32) { a.foundSum += int64(n) }

// placeOfLoss returns where the records were that are missing before rec.
func (a *account) placeOfLoss(rec *Record) Place {
	if a.hole.Segment != 0 {
		return a.hole
	}
	return rec.Place
}

// mayMiss says whether a partition could have lost a record, although its next one
// does not say so: because there is none.
func (a *account) mayMiss(v *view) bool {
	return a.lostSum > a.foundSum && v.seen <= a.holeAt
}

// end accounts for what is missing before the end of the log, where nothing
// follows. The header may know the serial that comes next. If what is there last
// cannot be read, there could have been more behind it, unless the log was closed.
func (a *account) end(end int64) {
	h := a.scan.header
	at := Place{a.scan.number, end}
	closed := h != nil && h.status == statusClosed && h.notedOffset == end
	if a.open && !closed {
		a.lostSum += unknownLoss
	}
	switch {
	case h != nil && h.notedOffset == end:
		a.reach(h.notedSerial, at)
	case h != nil && h.checkpointEnd == end:
		a.reach(h.firstSerial+h.checkpointCount, at)
	}
	a.open = false
}
