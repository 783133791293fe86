//go:build linux

package chaos

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ringkv/ringkv/internal/kv/rpc"
	"github.com/ringkv/ringkv/internal/localcluster"
)

// machine is a node with its place: a process, a volume, and a cable.
type machine struct {
	program
	number  int
	dir     string // the log file and the volume are in it
	volume  string // where the volume is
	kind    volumeKind
	disk    *powerDisk // of a volume that can lose power, else nil
	at      localcluster.Addresses
	admin   *rpc.Client
	leaving atomic.Bool // the coordinator was asked to empty it
	spoilt  atomic.Bool // in this round its volume was damaged: it may refuse to start
	failing atomic.Bool // in this round its disk was made to fail: it has to end

	volumeMu sync.Mutex // held while the volume is changed
	gone     bool       // it was taken away; guarded by volumeMu
}

// volumeKind is what a node's data are on.
type volumeKind string

const (
	onFolder volumeKind = "folder"
	onTmpfs  volumeKind = "tmpfs"
	onPower  volumeKind = "power"
)

// kindOf gives machines their volumes in turn: three that can lose power, so that a
// whole partition can, one that can run full, and one as on a user's disk.
func kindOf(number int, m *means) volumeKind {
	switch {
	case m.noSandbox != "":
	case number%5 < 3 && m.noFUSE == "":
		return onPower
	case number%5 == 3 && m.noTmpfs == "":
		return onTmpfs
	}
	return onFolder
}

// tmpfsBytes is room for a node's segments and ballast, and not for much more.
const tmpfsBytes = "640m"

func mountTmpfs(at string) error { return unix.Mount("tmpfs", at, "tmpfs", 0, "size="+tmpfsBytes) }

// newMachine makes a machine with an empty volume and starts it.
func (c *chaos) newMachine(number int) (*machine, error) {
	m := &machine{number: number, kind: kindOf(number, c.means), dir: filepath.Join(c.dir, namespace(number))}
	m.volume = filepath.Join(m.dir, "volume")
	if err := os.MkdirAll(m.volume, 0o755); err != nil {
		return nil, err
	}
	bind := "127.0.0.1"
	m.at = localcluster.AddressesOf(c.basePort, number-1)
	m.launch = func(start func() error) error { return start() }
	if c.network != nil {
		bind = address(number)
		port := func(n int) string { return net.JoinHostPort(bind, strconv.Itoa(n)) }
		m.at = localcluster.Addresses{RESP: port(6379), Cluster: port(6380), HTTP: port(8080), Peer: port(7000), Metrics: port(9090)}
		m.launch = func(start func() error) error { return inNamespace(number, start) }
		if err := c.network.plugIn(number); err != nil {
			return nil, err
		}
	}
	var err error
	switch m.kind {
	case onTmpfs:
		err = mountTmpfs(m.volume)
	case onPower:
		m.disk, err = mountPowerDisk(m.volume)
	}
	if err != nil {
		return nil, fmt.Errorf("volume of %s: %w", namespace(number), err)
	}
	m.admin = rpc.NewClient(m.at.Peer)
	m.program.name = namespace(number)
	m.logFile = filepath.Join(m.dir, "node.log")
	port := func(at string) string { _, port, _ := net.SplitHostPort(at); return port }
	m.args = []string{
		filepath.Join(c.binaries, "kvnode"), "--name", m.name, "--dir", filepath.Join(m.volume, "data"), "--bind", bind,
		"--resp-port", port(m.at.RESP), "--cluster-port", port(m.at.Cluster), "--http-port", port(m.at.HTTP),
		"--peer-port", port(m.at.Peer), "--metrics-port", port(m.at.Metrics), "--drain-timeout", "5s",
	}
	m.died = func(how string) { c.nodeDied(m, how) }
	return m, m.run()
}

// What may follow from a fault, for the report.
const (
	gaveUpVolume = "nodes that refused a damaged volume and got an empty one"
	endedByDisk  = "nodes that ended because their disk failed"
)

// nodeDied judges why a node ended although nobody had asked it to.
func (c *chaos) nodeDied(m *machine, how string) {
	last, recent := lastLines(m.logFile, 3), lastLines(m.logFile, 10)
	switch all := lastLines(m.logFile, 200); {
	case strings.Contains(all, "panic:") || strings.Contains(all, "fatal error:"):
		c.problem("%s panicked (%s): %s", m.name, how, all)
	case m.failing.Load() && strings.Contains(recent, syscall.EIO.Error()):
		// However late: it may have been stopped meanwhile, or have started on what is left.
		c.logf("%s ended, as it has to (%s): %s", m.name, how, last)
		c.count(endedByDisk)
	case m.spoilt.Load():
		// Its log is beyond repair, and it says so. The data are on the others: a
		// person would give it an empty volume.
		c.logf("%s does not start from its damaged volume (%s), and gets an empty one: %s", m.name, how, last)
		c.count(gaveUpVolume)
		if err := m.wipe(); err != nil && !m.failing.Load() { // it fails again, and is tried again
			c.problem("%s: %v", m.name, err)
		}
	default:
		c.problem("%s ended by itself (%s): %s", m.name, how, last)
	}
}

// wipe gives the machine an empty volume. Its process must be down.
func (m *machine) wipe() error {
	m.volumeMu.Lock()
	defer m.volumeMu.Unlock()
	if m.gone {
		return nil
	}
	return os.RemoveAll(filepath.Join(m.volume, "data"))
}

// lastLines returns the end of a log.
func lastLines(name string, n int) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n    ")
}
