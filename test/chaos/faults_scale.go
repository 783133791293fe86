//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringkv/ringkv/internal/localcluster"
)

// most is how many machines a run may have at a time.
const most = nodes + 2

// scaleKinds change what the cluster is wanted to be.
var scaleKinds = []*kind{
	{name: "scale up", weight: 3, gentle: true, inject: func(c *chaos, _ fault, _ *machine, _ func()) error {
		c.mu.Lock()
		room := len(c.machines)+c.coming < most
		if room {
			c.coming++
		}
		c.mu.Unlock()
		if !room {
			return errNotNow
		}
		defer func() {
			c.mu.Lock()
			c.coming--
			c.mu.Unlock()
		}()
		return c.scaleUp()
	}},
	{name: "scale down", weight: 3, gentle: true, inject: func(c *chaos, f fault, _ *machine, _ func()) error {
		m := c.pick(f, func(m *machine) bool {
			// A soak measures the first ones, and one disk must be able to run full.
			return !m.leaving.Load() && m.kind != onTmpfs && !(c.gentle && m.number <= nodes)
		})
		if m == nil {
			return errNotNow
		}
		err := c.change(func(ctx context.Context, control *localcluster.Client) error { return control.RemoveNode(ctx, m.name) })
		if err != nil {
			c.logf("%s stays: %v", m.name, err) // there would be too few, or nobody to ask
			return errNotNow
		}
		m.leaving.Store(true)
		return nil
	}},
	{name: "another replication factor", weight: 2, gentle: true, inject: func(c *chaos, f fault, _ *machine, _ func()) error {
		// One of 3 to 5, but not that of now. Not 2: then every node that is down is one
		// too many.
		factor := 0
		err := c.change(func(ctx context.Context, control *localcluster.Client) error {
			status, err := control.Status(ctx)
			if err != nil {
				return err
			}
			factor = replicas + (status.ReplicationFactor-replicas+1+f.n%2)%3
			return control.SetReplicationFactor(ctx, factor)
		})
		if err != nil {
			c.logf("the replication factor stays: %v", err)
			return errNotNow
		}
		c.logf("the replication factor is to be %d", factor)
		return nil
	}},
}

// scaleUp starts a new machine and has it become part of the cluster.
func (c *chaos) scaleUp() error {
	m, err := c.addMachine()
	if err != nil {
		return err
	}
	// The coordinator may be down, for as long as a fault may last.
	for limit := time.Now().Add(roundLength); ; time.Sleep(200 * time.Millisecond) {
		err = c.change(func(ctx context.Context, control *localcluster.Client) error {
			return control.AddNode(ctx, localcluster.NewNode{Name: m.name, Address: m.at.Peer})
		})
		if err == nil || c.known(m) { // the answer may have been lost
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%s could not be added: %w", m.name, err)
		}
	}
}

// known tells whether the coordinator has a place for a machine.
func (c *chaos) known(m *machine) bool {
	found := false
	_ = c.change(func(ctx context.Context, control *localcluster.Client) error { // who does not answer does not know
		status, err := control.Status(ctx)
		found = err == nil && status.Node(m.name) != nil
		return err
	})
	return found
}

// takeAway ends the machines that the coordinator has proved to be empty.
func (c *chaos) takeAway(status *localcluster.Status) error {
	for _, m := range c.list() {
		if !m.leaving.Load() || status.Node(m.name) != nil {
			continue
		}
		c.mu.Lock()
		c.machines = without(c.machines, m)
		c.mu.Unlock()
		if err := m.remove(); err != nil {
			return fmt.Errorf("take %s away: %w", m.name, err)
		}
		c.mu.Lock()
		delete(c.numbers, m.number)
		c.mu.Unlock()
		c.logf("%s is gone", m.name)
	}
	return nil
}

func without(machines []*machine, gone *machine) []*machine {
	var rest []*machine
	for _, m := range machines {
		if m != gone {
			rest = append(rest, m)
		}
	}
	return rest
}

// remove ends a machine and deletes its volume.
func (m *machine) remove() error {
	err := m.close(syscall.SIGTERM)
	m.admin.Close()
	m.volumeMu.Lock()
	defer m.volumeMu.Unlock()
	m.gone = true
	switch m.kind {
	case onPower:
		err = errors.Join(err, m.disk.unmount())
	case onTmpfs:
		err = errors.Join(err, unix.Unmount(m.volume, unix.MNT_DETACH))
	}
	return errors.Join(err, os.RemoveAll(m.volume))
}
