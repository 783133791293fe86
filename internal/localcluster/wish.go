package localcluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
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
	// External: the nodes are started by somebody else, and every seat has the
	// peer address of its node.
	External bool `json:"external,omitempty"`
}

// seat is the place of one node: its folder and its ports.
type seat struct {
	Name string `json:"name"`
	Slot int    `json:"slot"` // which ports it has, never shared
	// Port is the first of its ports where that was asked for; 0 means that of the
	// slot.
	Port int    `json:"port,omitempty"`
	Peer string `json:"peer,omitempty"` // peer address of an external node
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

// first is the first port of the seat's node. base is the cluster's.
func (s *seat) first(base int) int {
	if s.Port != 0 {
		return s.Port
	}
	return firstPort(base, s.Slot)
}

// peerAddress is where the seat's node talks to its peers.
func (s *seat) peerAddress(base int) string {
	if s.Peer != "" {
		return s.Peer
	}
	return addressesFrom(s.first(base)).Peer
}

// add gives a new node a seat. A name like n4 gets the fourth slot if that is
// free, any other name the first free one.
func (w *wish) add(n NewNode) error {
	name := n.Name
	if err := checkName(name); err != nil {
		return err
	}
	if w.seat(name) != nil {
		return fmt.Errorf("there is a node %s already", name)
	}
	if err := w.checkPlace(n); err != nil {
		return err
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
	w.Seats = append(w.Seats, seat{Name: name, Slot: slot, Port: n.Port, Peer: n.Address, Zone: n.Zone})
	return nil
}

// checkPlace refuses a place that this kind of cluster has no use for.
func (w *wish) checkPlace(n NewNode) error {
	switch {
	case w.External && n.Address == "":
		return fmt.Errorf("node %s is not started by this coordinator: start it, and say where its peer port is (host:port)", n.Name)
	case !w.External && n.Address != "":
		return fmt.Errorf("node %s is started by this cluster: it has no address yet (%s)", n.Name, n.Address)
	case n.Address != "":
		if _, port, err := net.SplitHostPort(n.Address); err != nil || port == "" {
			return fmt.Errorf("address %q of node %s: want host:port", n.Address, n.Name)
		}
	case n.Port < 0 || n.Port > 1<<16-portsUsed:
		return fmt.Errorf("port %d of node %s: want one with room for %d ports below 65536", n.Port, n.Name, portsUsed)
	}
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
