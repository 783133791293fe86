//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable is set in the environment of the process in the sandbox.
const insideVariable = "RINGKV_CHAOS_INSIDE"

func inside() bool { return os.Getenv(insideVariable) != "" }

// runInside runs this program again, with the same arguments, as the first process of
// new namespaces. It returns the exit code, or an error if the kernel does not allow
// namespaces. What runs inside cannot outlive this process.
func runInside() (int, error) {
	// The kernel ties the signal at our death to this thread.
	runtime.LockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	attributes := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	cmd.SysProcAttr = attributes
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(1, exit.ExitCode()), nil // -1 after a signal
	}
	return 0, err
}

// enterSandbox finishes what runInside began: from here on nothing that is mounted
// can be seen outside, and /proc shows the processes inside.
func enterSandbox() error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// ip netns keeps its names there.
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	return command("ip", "link", "set", "lo", "up")
}

// means are what the machine allows. A reason is why it does not; empty if it does.
type means struct {
	noSandbox string // no namespaces: no network faults, and no mounts
	noFilter  string // no packet filter: no cuts and no loss
	noShaping string // no queueing discipline: no slow links
	noTmpfs   string // no full disks
	noFUSE    string // no power loss
}

// missing says in words which faults are left out, and why.
func (m *means) missing() []string {
	var lines []string
	add := func(what, why string) {
		if why != "" {
			lines = append(lines, fmt.Sprintf("left out: %s: %s", what, why))
		}
	}
	add("cuts, loss, slow links, full disks, power loss", m.noSandbox)
	if m.noSandbox != "" {
		return lines
	}
	add("cuts and loss", m.noFilter)
	add("slow links", m.noShaping)
	add("disks that run full", m.noTmpfs)
	add("power loss and failing syncs (test/sim has them, without the operating system)", m.noFUSE)
	return lines
}

// needed says what a complete run cannot do without: what any Linux gives to root. Some
// kernels have no FUSE, or no queueing disciplines.
func (m *means) needed() []string {
	return slices.DeleteFunc([]string{m.noSandbox, m.noFilter, m.noTmpfs}, func(why string) bool { return why == "" })
}

// findMeans tries everything once. dir is a folder to try mounts in.
func findMeans(sandbox error, dir string) *means {
	m := &means{}
	if sandbox != nil {
		m.noSandbox = sandbox.Error()
		return m
	}
	why := func(err error) string {
		if err != nil {
			return err.Error()
		}
		return ""
	}
	m.noFilter = why(errors.Join(
		command("iptables", "-w", "-A", "INPUT", "-i", "none", "-m", "statistic", "--mode", "random", "--probability", "0.5", "-j", "DROP"),
		command("iptables", "-w", "-F", "INPUT")))
	m.noShaping = why(errors.Join(
		command("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "1gbit", "burst", "1mb", "latency", "1ms"),
		command("tc", "qdisc", "del", "dev", "lo", "root")))
	m.noTmpfs = why(tryMount(filepath.Join(dir, "tmpfs"), mountTmpfs))
	m.noFUSE = why(tryMount(filepath.Join(dir, "fuse"), func(at string) error {
		d, err := mountPowerDisk(at)
		if err != nil {
			return err
		}
		return d.unmount()
	}))
	return m
}

func tryMount(at string, mount func(string) error) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := mount(at); err != nil {
		return err
	}
	if err := unix.Unmount(at, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return os.Remove(at)
}

// command runs a program and returns what it complained about.
func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return nil
}
