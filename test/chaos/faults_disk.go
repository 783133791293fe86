//go:build linux

package chaos

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
)

func powered(m *means) bool { return m.noSandbox == "" && m.noFUSE == "" }

// diskKinds are the faults of volumes that take away nothing that was synced.
var diskKinds = []*kind{
	{name: "full disk", weight: 3, possible: func(m *means) bool { return m.noSandbox == "" && m.noTmpfs == "" },
		inject: func(c *chaos, f fault, _ *machine, over func()) error {
			m := c.pick(f, on(onTmpfs))
			if m == nil {
				return errNotNow
			}
			return m.fill(over)
		}},
	{name: "power loss", weight: 6, possible: powered, inject: func(c *chaos, f fault, _ *machine, over func()) error {
		m := c.pick(f, on(onPower))
		if m == nil {
			return errNotNow
		}
		return powerLoss([]*machine{m}, f, over)
	}},
	{name: "power loss everywhere", weight: 2, possible: powered, inject: func(c *chaos, f fault, _ *machine, over func()) error {
		return powerLoss(c.list(), f, over)
	}},
	{name: "power loss at a disk operation", weight: 4, possible: powered, inject: func(c *chaos, f fault, _ *machine, over func()) error {
		m := c.pick(f, on(onPower))
		if m == nil {
			return errNotNow
		}
		m.failing.Store(true)
		files := m.disk.fs()
		files.StopAfter(f.n % 100)
		for limit := time.Now().Add(3 * time.Second); !files.Stopped() && time.Now().Before(limit); {
			time.Sleep(10 * time.Millisecond)
		}
		stopped := files.Stopped()
		if err := powerLoss([]*machine{m}, f, over); err != nil {
			return err
		}
		if !stopped {
			return errNotNow // the node did nothing: the power went between operations
		}
		return nil
	}},
	{name: "failing sync", weight: 2, possible: powered, inject: func(c *chaos, f fault, _ *machine, over func()) error {
		m := c.pick(f, on(onPower))
		if m == nil {
			return errNotNow
		}
		m.failing.Store(true)
		files := m.disk.fs()
		files.Fail(crashfs.OpSync, "/log/", 1+f.n%10, syscall.EIO)
		over()
		if files.Heal() > 0 {
			return errNotNow // there was nothing to sync
		}
		return nil
	}},
}

// errNotNow: the fault has nothing to work on at this moment.
var errNotNow = errors.New("not possible now")

// pick returns the machine that a fault names, or the next one after it that is fit; nil
// if none is.
func (c *chaos) pick(f fault, fit func(*machine) bool) *machine {
	machines := c.list()
	for i := range machines {
		if m := machines[(f.machine+i)%len(machines)]; fit(m) {
			c.logf("%s: on %s", f.kind.name, m.name)
			return m
		}
	}
	return nil
}

// on is fit for faults of volumes of a kind.
func on(kind volumeKind) func(*machine) bool {
	return func(m *machine) bool { return m.kind == kind }
}

// fill takes all the room that is left on the machine's volume until over returns, as
// something else on the same disk would.
func (m *machine) fill(over func()) error {
	name := filepath.Join(m.volume, "filler")
	m.volumeMu.Lock()
	err := func() error {
		if m.gone {
			return errNotNow
		}
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return errNotNow // another fault has filled it
		}
		defer f.Close()
		var s unix.Statfs_t
		if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
			return err
		}
		// The node may take some of it in the meantime: a little less will do then.
		for size := int64(s.Bavail) * s.Bsize; size > 0; size -= 1 << 20 {
			if err = unix.Fallocate(int(f.Fd()), 0, 0, size); !errors.Is(err, unix.ENOSPC) {
				return err
			}
		}
		return nil
	}()
	m.volumeMu.Unlock()
	if err != nil {
		return err
	}
	over()
	m.volumeMu.Lock()
	defer m.volumeMu.Unlock()
	if m.gone {
		return nil
	}
	return os.Remove(name)
}

// powerLoss ends the processes at once and takes from the volumes that can lose power
// what was not synced: all of it, half, or nothing.
func powerLoss(machines []*machine, f fault, over func()) error {
	var all sync.WaitGroup
	failures := make([]error, len(machines))
	releases := make([]func() error, len(machines))
	for i, m := range machines {
		all.Go(func() { releases[i], failures[i] = m.hold(syscall.SIGKILL) })
	}
	all.Wait()
	for i, m := range machines {
		failures[i] = errors.Join(failures[i], m.losePower(float64(f.n%3)/2, uint64(f.n)))
	}
	over()
	for _, release := range releases {
		failures = append(failures, release())
	}
	return errors.Join(failures...)
}

// losePower takes what was not synced from the volume, if it can lose power. The
// process must be held down.
func (m *machine) losePower(keep float64, seed uint64) error {
	m.volumeMu.Lock()
	defer m.volumeMu.Unlock()
	if m.disk == nil || m.gone {
		return nil
	}
	return m.disk.losePower(keep, seed)
}
