package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/nodemetrics"
	"github.com/ringkv/ringkv/internal/target"
	"github.com/ringkv/ringkv/internal/units"
)

func newTopCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show what the nodes are doing, again every second",
		Long: `Show what the nodes are doing, again every second: commands, their times, syncs of
the log, traffic. In a terminal the screen is drawn anew until Ctrl-C.

Times are read from histograms: a value is the upper end of its bucket.`,
		Args: cobra.NoArgs,
	}
	interval := cmd.Flags().Duration("interval", time.Second, "time between two looks")
	count := cmd.Flags().Int("count", 0, "how often to show; 0 means until Ctrl-C, or once where nobody looks")
	out := outputFlag(cmd, "json")
	cmd.RunE = s.on(func(cmd *cobra.Command, t target.Target, _ []string) error {
		if err := out.check(); err != nil {
			return err
		}
		if *interval <= 0 || *count < 0 {
			return usageError{fmt.Errorf("--interval %s --count %d: want positive ones", *interval, *count)}
		}
		live := isTerminal(cmd.OutOrStdout())
		if *count == 0 && !live {
			*count = 1
		}
		v := &topView{target: t, samples: map[string]*nodemetrics.Sample{}}
		if _, err := v.look(cmd.Context()); err != nil { // what the first rates are measured from
			return err
		}
		for shown := 0; *count == 0 || shown < *count; shown++ {
			select {
			case <-cmd.Context().Done():
				return nil
			case <-time.After(*interval):
			}
			o, err := v.look(cmd.Context())
			if err != nil {
				if cmd.Context().Err() != nil {
					return nil
				}
				return err
			}
			if done, err := out.data(cmd.OutOrStdout(), v.rows(o)); err != nil || done {
				if err != nil {
					return err
				}
				continue
			}
			if err := v.show(cmd.OutOrStdout(), o, live); err != nil {
				return err
			}
		}
		return nil
	})
	return cmd
}

// topView remembers the last samples.
type topView struct {
	target  target.Target
	samples map[string]*nodemetrics.Sample
	rates   map[string]nodemetrics.Rates // of those that answered twice
}

// look reads the metrics of all nodes that are up.
func (v *topView) look(ctx context.Context) (*target.Observation, error) {
	o, err := v.target.Observe(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	now := make([]*nodemetrics.Sample, len(o.Nodes))
	var all sync.WaitGroup
	for i := range o.Nodes {
		if !o.Nodes[i].Up() {
			continue
		}
		all.Go(func() {
			if address, err := v.target.Address(ctx, o.Nodes[i].Name, target.Metrics); err == nil {
				now[i], _ = nodemetrics.Read(ctx, address) // a node without figures is shown without
			}
		})
	}
	all.Wait()
	before := v.samples
	v.samples, v.rates = map[string]*nodemetrics.Sample{}, map[string]nodemetrics.Rates{}
	for i := range o.Nodes {
		if name := o.Nodes[i].Name; now[i] != nil {
			v.samples[name] = now[i]
			if before[name] != nil {
				v.rates[name] = nodemetrics.Between(before[name], now[i], commandKind)
			}
		}
	}
	return o, nil
}

// commandKind says what a command does to the keys.
func commandKind(name string) string {
	spec := command.Lookup([]byte(name))
	switch {
	case spec == nil || strings.Contains(name, "|"):
		return ""
	case spec.Flags&command.Write != 0:
		return "write"
	case spec.Flags&command.ReadOnly != 0:
		return "read"
	}
	return ""
}

// topRow is one node as JSON.
type topRow struct {
	target.NodeSummary
	Rates *nodemetrics.Rates `json:"rates,omitempty"`
}

func (v *topView) rows(o *target.Observation) []topRow {
	var rows []topRow
	for _, n := range o.Summarize().Nodes {
		row := topRow{NodeSummary: n}
		if r, known := v.rates[n.Name]; known {
			row.Rates = &r
		}
		rows = append(rows, row)
	}
	return rows
}

func (v *topView) show(w io.Writer, o *target.Observation, live bool) error {
	var b strings.Builder
	s := o.Summarize()
	fmt.Fprintf(&b, "%s  %s  %s keys, %s\n", s.Cluster, o.At.Format(time.TimeOnly), units.Count(s.Keys), units.Bytes(s.Bytes))
	for _, line := range stateLines(s) {
		fmt.Fprintln(&b, line)
	}
	fmt.Fprintln(&b)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "NODE\tSTATE\tLEADS\tCLIENTS\tREADS/s\tWRITES/s\tERRORS/s\tP50\tP99\tSYNCS/s\tSYNC\tLOG/s\tIN/s\tOUT/s\tDATA\tBEHIND\t")
	var total nodemetrics.Rates
	for _, n := range s.Nodes {
		r, known := v.rates[n.Name]
		if !known {
			fmt.Fprintf(t, "%s\t%s\t%d\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t%s\t%d\t\n", n.Name, n.State, n.Leaders, units.Bytes(n.Bytes), n.Lag)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%d\t\n", n.Name, n.State, n.Leaders, rateColumns(&r), units.Bytes(n.Bytes), n.Lag)
		total.Clients, total.Reads, total.Writes, total.Errors = total.Clients+r.Clients, total.Reads+r.Reads, total.Writes+r.Writes, total.Errors+r.Errors
		total.Syncs, total.LogBytes = total.Syncs+r.Syncs, total.LogBytes+r.LogBytes
		total.InBytes, total.OutBytes = total.InBytes+r.InBytes, total.OutBytes+r.OutBytes
	}
	fmt.Fprintf(t, "all\t\t\t%s\t\t\t\n", rateColumns(&total))
	if err := t.Flush(); err != nil {
		return err
	}
	screen := b.String()
	if live { // home, and what was there before goes with each line
		screen = "\x1b[H" + strings.ReplaceAll(screen, "\n", "\x1b[K\n") + "\x1b[J"
	}
	_, err := io.WriteString(w, screen)
	return err
}

func rateColumns(r *nodemetrics.Rates) string {
	whole := func(v float64) string { return units.Count(int64(math.Round(v))) }
	time := func(m float64) string {
		if m == 0 {
			return "-"
		}
		return millis(m)
	}
	size := func(v float64) string { return units.Bytes(uint64(v)) }
	return strings.Join([]string{
		units.Count(r.Clients), whole(r.Reads), whole(r.Writes), whole(r.Errors), time(r.P50), time(r.P99),
		whole(r.Syncs), time(r.SyncMillis), size(r.LogBytes), size(r.InBytes), size(r.OutBytes),
	}, "\t")
}
