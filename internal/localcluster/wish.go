package localcluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// wish is what the user wants of the cluster. It is kept in cluster.json, whose
// format the field tags are.
type wish struct {
	Format            int    `json:"format"`
	Partitions        int    `json:"partitions"` // fixed for life
	VirtualNodes      int    `json:"virtualNodes"`
	ReplicationFactor int    `json:"replicationFactor"`
	Seats             []seat `json:"seats"` // in the order in which they were added
}

// seat is the place of one node: its folder and its ports.
type seat struct {
	Name string `json:"name"`
	Slot int    `json:"slot"` // which ports it has, never shared
	Zone string `json:"zone,omitempty"`
	// Leaving means that the node's data are to move away, and then the node
	// goes.
	Leaving bool `json:"leaving,omitempty"`
}

// wishFormat is the version of cluster.json that this code reads and writes.
const wishFormat = 1

const wishFile = "cluster.json"

func (w *wish) clone() *wish {
	c := *w
	c.Seats = slices.Clone(w.Seats)
	return &c
}

func (w *wish) seat(name string) *seat {
	for i := range w.Seats {
		if w.Seats[i].Name == name {
			return &w.Seats[i]
		}
	}
	return nil
}

// staying is the number of nodes that are to stay.
func (w *wish) staying() int {
	n := 0
	for _, s := range w.Seats {
		if !s.Leaving {
			n++
		}
	}
	return n
}

// add gives a new node a seat. A name like n4 gets the fourth slot if that is
// free, any other name the first free one.
func (w *wish) add(name, zone string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if w.seat(name) != nil {
		return fmt.Errorf("there is a node %s already", name)
	}
	taken := make(map[int]bool)
	for _, s := range w.Seats {
		taken[s.Slot] = true
	}
	slot, named := slotOf(name)
	if !named || taken[slot] {
		for slot = 0; taken[slot]; slot++ {
		}
	}
	if slot >= MaxNodes {
		return fmt.Errorf("a local cluster has room for %d nodes", MaxNodes)
	}
	w.Seats = append(w.Seats, seat{Name: name, Slot: slot, Zone: zone})
	return nil
}

// leave marks a node as leaving.
func (w *wish) leave(name string) error {
	s := w.seat(name)
	switch {
	case s == nil:
		return fmt.Errorf("there is no node %s", name)
	case s.Leaving:
		return nil
	case w.staying()-1 < w.ReplicationFactor:
		return fmt.Errorf("without node %s there would be %d nodes, fewer than the replication factor %d: add a node or lower the replication factor first",
			name, w.staying()-1, w.ReplicationFactor)
	}
	s.Leaving = true
	return nil
}

func (w *wish) setReplicationFactor(n int) error {
	if n < 1 {
		return fmt.Errorf("replication factor %d: want at least 1", n)
	}
	if n > w.staying() {
		return fmt.Errorf("replication factor %d is more than the %d nodes: add nodes first", n, w.staying())
	}
	w.ReplicationFactor = n
	return nil
}

// gone takes the seat of a removed node away.
func (w *wish) gone(name string) {
	w.Seats = slices.DeleteFunc(w.Seats, func(s seat) bool { return s.Name == name })
}

// check is for values that come from outside: flags, or a file.
func (w *wish) check() error {
	switch {
	case w.Format != wishFormat:
		return fmt.Errorf("format %d: this kvctl knows format %d", w.Format, wishFormat)
	case w.Partitions < 1 || w.Partitions > 1<<14 || w.Partitions&(w.Partitions-1) != 0:
		return fmt.Errorf("%d partitions: want a power of two up to 16384", w.Partitions)
	case w.VirtualNodes < 1 || w.VirtualNodes > 1<<16:
		return fmt.Errorf("%d virtual nodes: want 1 to 65536", w.VirtualNodes)
	case len(w.Seats) == 0:
		return errors.New("want at least one node")
	case w.ReplicationFactor < 1:
		return fmt.Errorf("replication factor %d: want at least 1", w.ReplicationFactor)
	case w.ReplicationFactor > w.staying():
		return fmt.Errorf("replication factor %d is more than the %d nodes", w.ReplicationFactor, w.staying())
	}
	names, slots := make(map[string]bool), make(map[int]bool)
	for _, s := range w.Seats {
		if err := checkName(s.Name); err != nil {
			return err
		}
		if names[s.Name] || slots[s.Slot] || s.Slot < 0 || s.Slot >= MaxNodes {
			return fmt.Errorf("node %s has a name or a slot (%d) that cannot be", s.Name, s.Slot)
		}
		names[s.Name], slots[s.Slot] = true, true
	}
	return nil
}

// loadWish returns nil without an error if the folder has none yet.
func loadWish(dir string) (*wish, error) {
	name := filepath.Join(dir, wishFile)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var w wish
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return &w, nil
}

func (w *wish) save(dir string) error {
	b, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, wishFile), append(b, '\n'), 0o644)
}

// replaceFile writes a file so that after a crash it has either its old content
// or its new one.
func replaceFile(name string, content []byte, mode fs.FileMode) error {
	temporary := name + ".new"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", temporary, err)
	}
	if err := os.Rename(temporary, name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
