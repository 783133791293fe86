package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is where a run took place, and with what.
type machine struct {
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Memory  int64  `json:"memoryBytes"`
	Kernel  string `json:"kernel"`
	SyncP50 string `json:"fdatasyncP50"` // of a write of 4 KiB
	SyncP99 string `json:"fdatasyncP99"`
	Go      string `json:"go"`
	Redis   string `json:"redis"`
	Etcd    string `json:"etcd"`
	Commit  string `json:"commit"`
}

func (m machine) String() string {
	return fmt.Sprintf("%d cores of %s, %d GiB, Linux %s, fdatasync of 4 KiB %s (p99 %s); ringkv %s (%s), Redis %s, etcd %s",
		m.Cores, m.CPU, m.Memory>>30, m.Kernel, m.SyncP50, m.SyncP99, m.Commit, m.Go, m.Redis, m.Etcd)
}

func describeMachine(ctx context.Context, s *settings) (machine, error) {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	cpus, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(cpus)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return m, err
	}
	m.Memory = int64(info.Totalram) * int64(info.Unit)
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return m, err
	}
	m.Kernel = unix.ByteSliceToString(name.Release[:])
	p50, p99, err := syncLatency(s.dir)
	if err != nil {
		return m, err
	}
	m.SyncP50, m.SyncP99 = p50.Round(time.Microsecond).String(), p99.Round(time.Microsecond).String()
	m.Redis = field(firstLine(ctx, "redis-server", "--version"), "v=")
	if m.Redis == "" {
		return m, fmt.Errorf("there is no redis-server: install it (apt-get install redis-server redis-tools)")
	}
	if s.etcd != "" {
		m.Etcd = strings.TrimPrefix(firstLine(ctx, s.etcd, "--version"), "etcd Version: ")
	}
	m.Commit = firstLine(ctx, "git", "describe", "--always", "--dirty", "--exclude=*")
	return m, nil
}

// firstLine is the first line that a program prints; empty if it fails.
func firstLine(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// field is the word of a line that begins with prefix, without it.
func field(line, prefix string) string {
	for word := range strings.FieldsSeq(line) {
		if rest, ok := strings.CutPrefix(word, prefix); ok {
			return rest
		}
	}
	return ""
}

// syncLatency measures what every acknowledged write has to wait for at least.
func syncLatency(dir string) (p50, p99 time.Duration, err error) {
	name := filepath.Join(dir, "sync")
	f, err := os.Create(name)
	if err != nil {
		return 0, 0, err
	}
	defer os.Remove(name)
	defer f.Close()
	const times, size = 500, 4 << 10
	// Written before, as the peers' logs are: what is measured is not the growth.
	if _, err := f.Write(make([]byte, times*size)); err != nil {
		return 0, 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, 0, err
	}
	block, took := make([]byte, size), make([]time.Duration, times)
	for i := range took {
		began := time.Now()
		if _, err := f.WriteAt(block, int64(i*size)); err != nil {
			return 0, 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, 0, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[times/2], took[times*99/100], nil
}
