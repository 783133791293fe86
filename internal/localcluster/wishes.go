package localcluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// NewNode is a node to be added.
type NewNode struct {
	Name string `json:"name"`
	Zone string `json:"zone,omitempty"`
	// Port is the first of its ports; 0 means those that its name stands for.
	Port int `json:"port,omitempty"`
	// Address is the peer address (host:port) of a node that somebody else starts.
	Address string `json:"address,omitempty"`
}

// AddNode starts a new node, which then gets its share of the data, or keeps one
// that was about to leave. It returns when the node runs; Status tells when it
// has its share. An external node is only made known.
func (c *Cluster) AddNode(n NewNode) error {
	name := n.Name
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.wish.clone()
	if s := next.seat(name); s != nil && s.Leaving {
		if c.removing[name] {
			return fmt.Errorf("node %s is empty and being taken away: add it again when it is gone", name)
		}
		s.Leaving = false
		return c.commit(next)
	}
	if err := next.add(n); err != nil {
		return err
	}
	if next.External {
		return c.commit(next)
	}
	s := *next.seat(name)
	if data := filepath.Join(c.options.Dir, name, "data"); exists(data) {
		return fmt.Errorf("%s exists: remove it, or choose another name", data)
	}
	if err := checkPorts(s.first(c.options.Port), name); err != nil {
		return err
	}
	before := c.wish
	if err := c.commit(next); err != nil {
		return err
	}
	if err := c.startNode(s); err != nil {
		return errors.Join(err, c.commit(before))
	}
	return nil
}

// RemoveNode moves a node's data to the others and then takes it away, process
// and folder. It returns at once; Status tells when it is gone.
func (c *Cluster) RemoveNode(name string) error {
	return c.change(func(w *wish) error { return w.leave(name) })
}

// SetReplicationFactor changes how many copies there are of every key. It
// returns at once; Status tells when they are made.
func (c *Cluster) SetReplicationFactor(n int) error {
	return c.change(func(w *wish) error { return w.setReplicationFactor(n) })
}

func (c *Cluster) change(fn func(*wish) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.wish.clone()
	if err := fn(next); err != nil {
		return err
	}
	return c.commit(next)
}

// Rebalance makes the coordinator look at the cluster now. It does so by itself
// all the time; this is for the impatient.
func (c *Cluster) Rebalance() { c.wake() }

// Kill ends a node's process as kill -9 does.
func (c *Cluster) Kill(name string) error {
	c.mu.Lock()
	p := c.processes[name]
	c.mu.Unlock()
	if p == nil {
		return fmt.Errorf("there is no node %s", name)
	}
	return p.Kill()
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
