package coordtest

import (
	"context"
	"strconv"
	"sync"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// Store keeps a record in memory. It is safe for concurrent use; the zero value
// is an empty store.
type Store struct {
	mu      sync.Mutex
	record  coordinator.Record
	version uint64
}

// Load implements coordinator.Store.
func (s *Store) Load(context.Context) (*coordinator.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.record.Clone()
	r.Version = strconv.FormatUint(s.version, 10)
	return r, nil
}

// Save implements coordinator.Store.
func (s *Store) Save(_ context.Context, r *coordinator.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Version != strconv.FormatUint(s.version, 10) {
		return cluster.ErrConflict
	}
	s.version++
	s.record = *r.Clone()
	r.Version = strconv.FormatUint(s.version, 10)
	return nil
}

// Saves returns how often the record was written.
func (s *Store) Saves() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}
