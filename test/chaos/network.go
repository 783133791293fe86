//go:build linux

package chaos

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// network is one bridge with a cable to every node. Node i has the address
// 10.77.0.i; clients and the coordinator are at hub.
type network struct {
	mu     sync.Mutex
	rules  map[string]int  // packet filters in force, by node and rule: how many want them; guarded by mu
	shaped map[int]bool    // nodes with a slow link; guarded by mu
	plugs  map[int]int     // how many want the cable of a node unplugged; guarded by mu
	made   map[int]bool    // nodes with a cable; guarded by mu
	failed func(err error) // a fault that could not be ended: the run is void
}

const hub = "10.77.0.254"

func address(node int) string { return "10.77.0." + strconv.Itoa(node) }

func namespace(node int) string { return "n" + strconv.Itoa(node) }

func newNetwork(failed func(error)) (*network, error) {
	n := &network{rules: map[string]int{}, shaped: map[int]bool{}, plugs: map[int]int{}, made: map[int]bool{}, failed: failed}
	return n, inOrder(
		"ip link add chaos0 type bridge",
		"ip addr add "+hub+"/24 dev chaos0",
		"ip link set chaos0 up",
	)
}

// inOrder runs commands until one fails.
func inOrder(lines ...string) error {
	for _, line := range lines {
		words := strings.Fields(line)
		if err := command(words[0], words[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// plugIn gives a node its namespace and cable; again does nothing.
func (n *network) plugIn(node int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.made[node] {
		return nil
	}
	n.made[node] = true
	name := namespace(node)
	return inOrder(
		"ip netns add "+name,
		"ip link add v"+name+" type veth peer name eth0 netns "+name,
		"ip link set v"+name+" master chaos0 up",
		"ip -n "+name+" link set lo up",
		"ip -n "+name+" addr add "+address(node)+"/24 dev eth0",
		"ip -n "+name+" link set eth0 up",
	)
}

// inNamespace runs start on a thread in a node's network namespace: a process that it
// starts stays there.
func inNamespace(node int, start func() error) error {
	failure := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		failure <- func() error {
			f, err := os.Open("/run/netns/" + namespace(node))
			if err != nil {
				return err
			}
			defer f.Close()
			if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("enter the network of node %d: %w", node, err)
			}
			return start()
		}()
	}()
	return <-failure
}

// filter drops what comes in at a node and matches rule, until the returned function
// is called.
func (n *network) filter(node int, rule ...string) (end func()) {
	key := fmt.Sprint(node, rule)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rules[key]++; n.rules[key] == 1 {
		n.note(n.iptables(node, "-A", rule))
	}
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.rules[key]--; n.rules[key] == 0 {
			n.note(n.iptables(node, "-D", rule))
		}
	}
}

func (n *network) iptables(node int, action string, rule []string) error {
	args := append([]string{"netns", "exec", namespace(node), "iptables", "-w", action, "INPUT"}, rule...)
	return command("ip", append(args, "-j", "DROP")...)
}

func (n *network) note(err error) {
	if err != nil {
		n.failed(err)
	}
}

// deafen makes a node hear nothing of another.
func (n *network) deafen(node, to int) (end func()) { return n.filter(node, "-s", address(to)) }

// lose makes a node lose a share of what it is sent.
func (n *network) lose(node int, share float64) (end func()) {
	return n.filter(node, "-i", "eth0", "-m", "statistic", "--mode", "random", "--probability", strconv.FormatFloat(share, 'f', 2, 64))
}

// slow limits what a node sends to rate; up to half a second of it waits in a queue,
// and the rest is lost.
func (n *network) slow(node int, rate string) (end func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.shaped[node] {
		return func() {}
	}
	n.shaped[node] = true
	n.note(command("tc", "-n", namespace(node), "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", rate, "burst", "16kb", "latency", "500ms"))
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.shaped[node] = false
		n.note(command("tc", "-n", namespace(node), "qdisc", "del", "dev", "eth0", "root"))
	}
}

// unplug takes a node off the network, clients included.
func (n *network) unplug(node int) (end func()) {
	set := func(by int, state string) {
		n.mu.Lock()
		defer n.mu.Unlock()
		before := n.plugs[node]
		n.plugs[node] += by
		if before == 0 || n.plugs[node] == 0 {
			n.note(command("ip", "link", "set", "v"+namespace(node), state))
		}
	}
	set(1, "down")
	return func() { set(-1, "up") }
}
