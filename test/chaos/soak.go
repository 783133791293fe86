//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/nodemetrics"
	"github.com/ringkv/ringkv/test/history"
)

// usage is what the nodes that live through the whole run take together, when the
// cluster is whole and under load.
type usage struct {
	at         time.Duration
	resident   float64 // bytes of memory, as the kernel counts them
	heap       float64 // bytes that the last garbage collection aimed at: about twice what it found alive
	files      float64 // open file descriptors, connections among them
	goroutines float64
	disk       float64 // bytes on the volumes
}

// growth is how much of something more at the end than after the warm-up is no leak:
// a share, and an amount on top.
type growth struct {
	name   string
	of     func(usage) float64
	share  float64
	amount float64
	unit   float64
	suffix string
}

// growths are the criteria of a soak: what a healthy one showed (see measured in
// soak_test.go), and about as much again. What leaks, leaks with every operation, fault or
// move, and goes through such a bound in half an hour.
var growths = []growth{
	// Memory is still warming up in a short run, and the runtime gives it back late.
	{"resident memory", func(u usage) float64 { return u.resident }, 0.25, 64 << 20, 1 << 20, "MiB"},
	// The data are as many at the end as after the warm-up, but a node has more or fewer
	// copies after each move.
	{"heap goal", func(u usage) float64 { return u.heap }, 0.25, 24 << 20, 1 << 20, "MiB"},
	// Clients connect again after each fault, to nodes in another order.
	{"open files", func(u usage) float64 { return u.files }, 0.10, 25, 1, ""},
	{"goroutines", func(u usage) float64 { return u.goroutines }, 0.10, 40, 1, ""},
	// Segments have 64 MiB: each node may be about to have one more, or less.
	{"disk", func(u usage) float64 { return u.disk }, 0.10, 5 * 64 << 20, 1 << 20, "MiB"},
}

// measure adds up what the first nodes use. It is called while the cluster is whole.
func (c *chaos) measure(ctx context.Context) (usage, error) {
	u := usage{at: c.now()}
	for _, m := range c.list() {
		if m.number > nodes {
			continue
		}
		s, err := nodemetrics.Read(ctx, m.at.Metrics)
		if err != nil {
			return u, err
		}
		u.resident += s.Sum("process_resident_memory_bytes")
		u.heap += s.Sum("go_memstats_next_gc_bytes")
		u.files += s.Sum("process_open_fds")
		u.goroutines += s.Sum("go_goroutines")
		disk, err := m.diskUsed()
		if err != nil {
			return u, err
		}
		u.disk += float64(disk)
	}
	return u, nil
}

// diskUsed returns how many bytes the node's files have.
func (m *machine) diskUsed() (int64, error) {
	if m.disk != nil {
		u, err := m.disk.fs().Usage("/")
		return int64(u.Total - u.Free), err
	}
	var sum int64
	err := filepath.WalkDir(m.volume, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the node deletes files all the time
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// grown compares the averages of the second fifth of the samples, after the warm-up,
// with those of the last one, as a table in Markdown. The problems are what grew.
func grown(samples []usage) (table string, problems []string) {
	var b strings.Builder
	fifth := max(1, len(samples)/5)
	early, late := samples[min(fifth, len(samples)-1):min(2*fifth, len(samples))], samples[len(samples)-fifth:]
	fmt.Fprintf(&b, "| of %d nodes together | after the warm-up | at the end | allowed |\n|---|---|---|---|\n", nodes)
	for _, g := range growths {
		before, after := average(early, g.of), average(late, g.of)
		allowed := before*(1+g.share) + g.amount
		fmt.Fprintf(&b, "| %s | %.0f %s | %.0f %s | %.0f %s |\n", g.name, before/g.unit, g.suffix, after/g.unit, g.suffix, allowed/g.unit, g.suffix)
		if after > allowed {
			problems = append(problems, fmt.Sprintf("%s grew from %.0f to %.0f %s", g.name, before/g.unit, after/g.unit, g.suffix))
		}
	}
	b.WriteString("\nAfter each round:\n\n| at |")
	for _, g := range growths {
		b.WriteString(" " + strings.TrimSpace(g.name+" "+g.suffix) + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(growths)) + "\n")
	for _, u := range samples {
		fmt.Fprintf(&b, "| %v |", u.at.Round(time.Second))
		for _, g := range growths {
			fmt.Fprintf(&b, " %.0f |", g.of(u)/g.unit)
		}
		b.WriteString("\n")
	}
	return b.String(), problems
}

func average(samples []usage, of func(usage) float64) float64 {
	sum := 0.0
	for _, u := range samples {
		sum += of(u)
	}
	return sum / float64(len(samples))
}

// forget judges and deletes what is out of use, so that there are as many keys at the
// end as at the beginning. The clients rest meanwhile.
func (l *load) forget(ctx context.Context) error {
	defer l.rest()()
	var out, in []*group
	for _, g := range l.groups {
		if l.inUse(g) {
			in = append(in, g)
		} else {
			out = append(out, g)
		}
	}
	if err := l.readBack(ctx, out); err != nil {
		return err
	}
	for _, g := range out {
		for _, key := range g.keys() {
			if err := l.ask(ctx, g, int(g.partition), []string{"DEL", key}); err != nil {
				return err
			}
		}
	}
	l.judge(out)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups = in
	return nil
}

func (l *load) inUse(g *group) bool {
	for _, x := range l.active {
		if x == g {
			return true
		}
	}
	return false
}

// ask has a command executed, whatever it takes, and takes note of every attempt.
func (l *load) ask(ctx context.Context, g *group, start int, command []string) error {
	connections := newConnections()
	defer connections.close()
	for attempt := 0; ; attempt++ {
		machines := l.c.list()
		m := machines[(start+attempt)%len(machines)]
		o := &history.Operation{Client: clientCount, Commands: [][]string{command}, Call: l.c.now().Nanoseconds()}
		try, cancel := context.WithTimeout(ctx, 10*time.Second)
		settle(o, connections.exchange(try, m.at.RESP, command))
		cancel()
		o.Return = l.c.now().Nanoseconds()
		g.add(o)
		if o.Outcome == history.Answered {
			return nil
		}
		if ctx.Err() != nil || attempt == 100 {
			return fmt.Errorf("the keys {%s} cannot be reached: %s", g.tag, o.Reply)
		}
	}
}
