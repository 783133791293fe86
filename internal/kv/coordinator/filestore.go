package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// FileStore keeps the record as JSON in a file. It is safe for concurrent use
// within a process; it does not guard against other processes.
type FileStore struct {
	path string
	mu   sync.Mutex
}

// NewFileStore returns a store in the file path, whose folder must exist.
func NewFileStore(path string) *FileStore { return &FileStore{path: path} }

// fileRecord is the content of the file.
type fileRecord struct {
	Format  int     `json:"format"` // 1
	Version uint64  `json:"version"`
	Record  *Record `json:"record"`
}

const fileFormat = 1

// Load implements Store.
func (s *FileStore) Load(context.Context) (*Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.load()
}

func (s *FileStore) load() (*Record, error) {
	b, err := os.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return &Record{Version: "0"}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the coordinator's record: %w", err)
	}
	var f fileRecord
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("the coordinator's record %s is damaged: %w", s.path, err)
	}
	if f.Format != fileFormat || f.Record == nil {
		return nil, fmt.Errorf("the coordinator's record %s has format %d, this program knows %d: use the one that wrote it, or a newer one", s.path, f.Format, fileFormat)
	}
	f.Record.Version = strconv.FormatUint(f.Version, 10)
	return f.Record, nil
}

// Save implements Store.
func (s *FileStore) Save(_ context.Context, r *Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	current, err := s.load()
	if err != nil {
		return err
	}
	if current.Version != r.Version {
		return fmt.Errorf("save the coordinator's record: %w", cluster.ErrConflict)
	}
	version, err := strconv.ParseUint(r.Version, 10, 64)
	if err != nil {
		return fmt.Errorf("save the coordinator's record: version %q: %w", r.Version, err)
	}
	b, err := json.MarshalIndent(fileRecord{Format: fileFormat, Version: version + 1, Record: r}, "", "  ")
	if err != nil {
		return fmt.Errorf("save the coordinator's record: %w", err)
	}
	if err := replaceFile(s.path, b); err != nil {
		return fmt.Errorf("save the coordinator's record: %w", err)
	}
	r.Version = strconv.FormatUint(version+1, 10)
	return nil
}

// replaceFile puts b in place of the file at path: after a crash there is the
// old or the new content, and after it returned the new one.
func replaceFile(path string, b []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already when all went well
	if _, err := temp.Write(b); err != nil {
		return errors.Join(err, temp.Close())
	}
	if err := temp.Sync(); err != nil {
		return errors.Join(err, temp.Close())
	}
	if err := temp.Close(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
