package wal

import (
	"errors"
	"time"
)

// A manual log (Options.Manual) has no goroutines. Whoever opened it calls work,
// which does the same things in the same order as writer.run and keeper.run.

// errNoRoom: the volume is full. A writer with a goroutine waits instead.
var errNoRoom = errors.New("wal: no room for the next segment")

// work writes what was appended, or, if that is nothing, does what is due on an
// idle log. It returns how long the log can be left alone unless something is
// appended; 0 means for ever.
func (l *Log) work() time.Duration {
	if l.failed.Load() != nil {
		return 0
	}
	w := l.writer
	var err error
	if q := l.take(nil); len(q) > 0 {
		err = w.write(q)
		w.lastWork = w.opts.Clock()
	} else if d := w.pause(); d > 0 && w.opts.Clock().Sub(w.lastWork) >= d {
		err = w.idle()
		w.lastWork = w.opts.Clock()
	}
	switch {
	case errors.Is(err, errNoRoom):
		return fullRetry
	case err != nil:
		w.ended(err)
		return 0
	}
	if !l.keeper.round() {
		return fullRetry
	}
	if d := w.pause(); d > 0 {
		return d
	}
	return spaceInterval
}

// workToTheEnd is what a writer with a goroutine does when the log is closed.
func (l *Log) workToTheEnd() {
	if l.failed.Load() != nil {
		return
	}
	w := l.writer
	err := w.write(l.take(nil))
	if err == nil {
		err = w.finish()
	}
	if errors.Is(err, errNoRoom) {
		err = ErrClosed
	}
	w.ended(err)
	l.keeper.syncSealed()
}

// nextNow is next for a log without goroutines.
func (k *keeper) nextNow() (*preparedFile, error) {
	k.round()
	select {
	case p := <-k.prepared:
		k.wanted.Store(false)
		return p, p.err
	default:
		return nil, errNoRoom
	}
}

// putBack undoes take for writes that are not in the log yet.
func (l *Log) putBack(q []queued) {
	l.queueMu.Lock()
	defer l.queueMu.Unlock()
	l.queue = append(append([]queued(nil), q...), l.queue...)
}
