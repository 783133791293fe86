//go:build linux

package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ringkv/ringkv/test/history"
)

// report says in Markdown what happened and what was found. usage is what a soak
// measured; "" if nothing.
func (c *chaos) report(usage string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# A run of the chaos test\n")
	line("Seed %d, %v: %d nodes, replication factor %d, %d partitions.\n", c.seed, c.now().Round(time.Second), nodes, replicas, partitions)
	for _, m := range c.means.missing() {
		line("- %s", m)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.problems) == 0 {
		line("**No promise was broken.** %d histories with %d operations are linearizable, every key was read back, and copies agreed %d times.\n",
			c.load.judged.histories, c.load.judged.operations, c.compared)
	} else {
		line("## Broken promises\n")
		for _, p := range c.problems {
			line("```\n%s\n```\n", p)
		}
	}
	line("## Operations\n")
	line("| kind | ok | refused | unknown | longest time without a success in a partition |")
	line("|---|---|---|---|---|")
	longest := c.outages.longest()
	operations := []string{kindRead, kindWrite, kindCAS, kindTxn}
	for _, kind := range operations {
		n := func(o history.Outcome) int { return c.load.counts[tally{kind, o}] }
		line("| %s | %d | %d | %d | %s |", kind, n(history.Answered), n(history.Refused), n(history.Unknown), longest[""][kind])
	}
	line("\nRefused because:\n")
	for _, why := range slices.Sorted(maps.Keys(c.load.refused)) {
		line("- %s: %d", why, c.load.refused[why])
	}
	line("\n## Faults, and the longest time without a success while they were in force\n")
	line("| fault | times | %s |", strings.Join(operations, " | "))
	line("|---|---|%s", strings.Repeat("---|", len(operations)))
	for _, fault := range allKinds {
		if !fault.mayCome(c.means, c.gentle) {
			continue
		}
		var cells []string
		for _, kind := range operations {
			cells = append(cells, seconds(longest[fault.name][kind]))
		}
		line("| %s | %d | %s |", fault.name, c.counts[fault.name], strings.Join(cells, " | "))
	}
	line("")
	for _, followed := range []string{endedByDisk, gaveUpVolume} {
		line("- %s: %d", followed, c.counts[followed])
	}
	if usage != "" {
		line("\n## What the nodes use\n\n%s", usage)
	}
	return b.String()
}

// String says how long it was, where, and from when on.
func (o outage) String() string {
	return fmt.Sprintf("%.1f s: partition %d, from %.1f s on", o.length().Seconds(), o.partition, o.from.Seconds())
}

func seconds(o outage) string {
	if o.length() == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f s", o.length().Seconds())
}
