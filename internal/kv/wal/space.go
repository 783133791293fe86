package wal

import (
	"path"
)

// Usage is the room that the log takes and has, in bytes.
type Usage struct {
	Log   int64  // the segment files
	Free  uint64 // on the volume
	Total uint64 // of the volume
}

const ballastName = "ballast"

// Full says that the volume has no room for another segment, so that no more
// should be written than what is needed to make room. The log itself goes on as
// long as it can. It becomes false by itself when there is room again.
func (l *Log) Full() bool { return l.keeper.full.Load() }

// Usage returns the room as it was seen at most a few seconds ago.
func (l *Log) Usage() Usage {
	u := Usage{Log: l.segments.bytes()}
	if v := l.keeper.usage.Load(); v != nil {
		u.Free, u.Total = v.Free, v.Total
	}
	return u
}

// Holding returns the partition whose entries keep the oldest segment from being
// deleted, and how many bytes of log there are from it on; compacting that
// partition is what makes room. ok is false if nothing holds any but the newest
// segment.
func (l *Log) Holding() (partition uint32, retained int64, ok bool) {
	list := l.segments.snapshot()
	if len(list) == 0 {
		return 0, 0, false
	}
	newest := list[len(list)-1].number
	var segment, offset uint32
	for _, g := range l.allGroups() {
		s, o, needed := g.needs()
		if !needed || uint64(s) == newest {
			continue
		}
		if !ok || s < segment || s == segment && o < offset {
			partition, segment, offset, ok = g.partition, s, o, true
		}
	}
	for _, s := range list {
		if ok && s.number >= uint64(segment) {
			retained += s.bytes
		}
	}
	return partition, retained, ok
}

// checkSpace looks at the volume. The log is full when the free space (beyond the
// ballast) would not take another segment, and it is well again when there is
// room for two and the ballast.
func (k *keeper) checkSpace() {
	u, err := k.opts.FS.Usage(k.opts.Dir)
	if err != nil {
		k.opts.Logger.Warn("the free space is unknown", "error", err)
		return
	}
	k.usage.Store(&u)
	segment, reserve := uint64(k.opts.SegmentBytes), uint64(k.opts.ReserveBytes)
	switch full := k.full.Load(); {
	case !full && u.Free < segment:
		k.outOfSpace()
	case full && u.Free >= 2*segment+reserve:
		if k.ballast || k.placeBallast() {
			k.full.Store(false)
			k.opts.Logger.Info("the volume has room again", "free", u.Free)
		}
	case !full && !k.ballast && u.Free >= 2*segment+reserve:
		k.placeBallast()
	}
}

// outOfSpace gives the ballast back and says that the log is full.
func (k *keeper) outOfSpace() {
	if k.ballast && k.opts.ReserveBytes > 0 {
		if err := k.opts.FS.Remove(path.Join(k.opts.Dir, ballastName)); err != nil {
			k.opts.Logger.Error("the reserved room could not be given back", "error", err)
		}
	}
	k.ballast = false
	if !k.full.Swap(true) {
		k.opts.Logger.Error("the volume is full: writes are refused until there is room", "directory", k.opts.Dir)
	}
}

// placeBallast reserves room.
func (k *keeper) placeBallast() bool {
	if k.opts.ReserveBytes <= 0 {
		k.ballast = true
		return true
	}
	name := path.Join(k.opts.Dir, ballastName)
	f, err := k.opts.FS.Create(name)
	if err == nil {
		err = f.Preallocate(k.opts.ReserveBytes)
		_ = f.Close() // it holds nothing
	}
	if err != nil {
		k.opts.Logger.Warn("no room could be reserved", "error", err)
		_ = k.opts.FS.Remove(name)
		return false
	}
	k.ballast = true
	return true
}
