package wal

import "errors"

func (l *Log) recover(w *writer, numbers []uint64) (*Recovery, error) {
	return nil, errors.New("not yet")
}
