package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/bench"
	"github.com/ringkv/ringkv/internal/keytrace"
	"github.com/ringkv/ringkv/internal/target"
	"github.com/ringkv/ringkv/internal/units"
)

type benchFlags struct {
	options      bench.Options
	values       string
	distribution string
	noFill       bool
	quiet        bool
	json         string // a file, like the pictures
	svg, png     string
}

func newBenchCommand(s *session) *cobra.Command {
	f := new(benchFlags)
	cmd := &cobra.Command{
		Use:   "bench [HOST:PORT...]",
		Short: "Measure throughput and latency",
		Long: `Measure throughput and latency: of the cluster, or of any Redis server at HOST:PORT.

Without --rate every connection sends its next commands when the last ones are
answered: that finds the throughput. With --rate commands become due by a schedule,
whatever the server does, and their time counts from when they were due: that is what
latencies should be measured with, at a rate well below the highest throughput.

With --cluster-mode every connection is a client of Redis Cluster: it sends each command
to the node that leads its key, and on to where MOVED says. HOST:PORT is then the cluster
port of any node.

All keys are written first, so that reads find something. The exit code is 1 if any
command failed.`,
		Example: `  kvctl bench --duration 30s --svg bench.svg
  kvctl bench --rate 5000 --arrivals poisson --reads 0.9 --keys-distribution zipf
  kvctl bench --cluster-mode --connections 100
  kvctl bench 127.0.0.1:6379 --pipeline 16 --count 1000000 --json result.json`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, s, args) },
	}
	o, flags := &f.options, cmd.Flags()
	flags.DurationVar(&o.Duration, "duration", 10*time.Second, "how long to measure; 0, or --count alone, means until --count")
	flags.Uint64Var(&o.Count, "count", 0, "how many commands to measure; 0 means until --duration is over")
	flags.DurationVar(&o.Warmup, "warmup", time.Second, "how long to run before it counts")
	flags.IntVarP(&o.Connections, "connections", "c", 50, "number of connections")
	flags.IntVarP(&o.Pipeline, "pipeline", "P", 1, "most commands that a connection has under way")
	flags.BoolVar(&o.ClusterMode, "cluster-mode", false, "send every command to the leader of its key, as clients of Redis Cluster do")
	flags.Float64Var(&o.Rate, "rate", 0, "commands a second, of all connections together; 0 means as many as are answered")
	arrivals := flags.String("arrivals", "even", "with --rate: even, or poisson as from many independent users")
	flags.IntVar(&o.Keys, "keys", 100_000, "number of keys")
	flags.StringVar(&o.Prefix, "prefix", "bench:", "beginning of all keys")
	flags.StringVar(&f.distribution, "keys-distribution", string(bench.Uniform), "how often each key is used: uniform, zipf, sequential")
	flags.Float64Var(&o.Skew, "skew", 0.99, "of zipf: above 0 (even) and below 1 (a few keys get most)")
	flags.StringVar(&f.values, "value-bytes", "128", "length of values: a number, or MIN-MAX")
	flags.Float64Var(&o.ReadFraction, "reads", 0.5, "part of the commands that read, 0 to 1")
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "longest wait for an answer")
	flags.Uint64Var(&o.Seed, "seed", 0, "seed of keys and values; 0 means a random one")
	flags.BoolVar(&f.noFill, "no-fill", false, "do not write all keys first")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no line for every second")
	flags.StringVar(&f.json, "json", "", "write the result to this file, too; - is the standard output, and nothing else goes there")
	flags.StringVar(&f.svg, "svg", "", "draw the result into this file, too")
	flags.StringVar(&f.png, "png", "", "draw the result into this file, too, as pixels")
	for name, choices := range map[string][]string{"arrivals": {"even", "poisson"}, "keys-distribution": {"uniform", "zipf", "sequential"}} {
		cobra.CheckErr(cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp)))
	}
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if o.Count > 0 && !flags.Changed("duration") {
			o.Duration = 0
		}
		switch *arrivals {
		case "even", "poisson":
			o.Poisson = *arrivals == "poisson"
			return nil
		}
		return usageError{fmt.Errorf("--arrivals %q: want even or poisson", *arrivals)}
	}
	return cmd
}

func (f *benchFlags) run(cmd *cobra.Command, s *session, args []string) error {
	o := &f.options
	var err error
	if o.MinValueBytes, o.MaxValueBytes, err = parseRange(f.values); err != nil {
		return usageError{err}
	}
	o.Distribution = bench.Distribution(f.distribution)
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	title := strings.Join(args, ", ")
	if o.Addresses = args; len(args) == 0 {
		if err := f.findNodes(cmd.Context(), s); err != nil {
			return err
		}
		title = s.open.String()
	}
	if err := o.Check(); err != nil {
		return usageError{err}
	}
	w := cmd.OutOrStdout()
	if f.json == "-" || f.quiet {
		w = io.Discard
	}
	if !f.noFill {
		fmt.Fprintf(w, "writing %s keys\n", units.Count(o.Keys))
		if err := bench.Fill(cmd.Context(), *o); err != nil {
			return err
		}
	}
	result, err := bench.Run(cmd.Context(), *o, func(second bench.Second) {
		fmt.Fprintf(w, "%4.0fs  %9s/s  p50 %-8s p99 %-8s max %s\n", second.At-o.Warmup.Seconds(), units.Count(int64(second.PerSecond)),
			millis(second.Latency.P50), millis(second.Latency.P99), millis(second.Latency.Max))
	})
	if err != nil {
		return err
	}
	return f.report(cmd.OutOrStdout(), title, result)
}

// report writes the files first: they are there even if nobody reads the text to its
// end.
func (f *benchFlags) report(w io.Writer, title string, result *bench.Result) error {
	b, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if f.json != "" && f.json != "-" {
		if err := os.WriteFile(f.json, b, 0o644); err != nil {
			return err
		}
	}
	if f.svg != "" {
		if err := os.WriteFile(f.svg, []byte(result.SVG(title)), 0o644); err != nil {
			return err
		}
	}
	if f.png != "" {
		var picture bytes.Buffer
		if err := result.WritePNG(&picture, title); err != nil {
			return err
		}
		if err := os.WriteFile(f.png, picture.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if f.json == "-" {
		_, err = w.Write(b)
	} else {
		fmt.Fprintf(w, "\n%s, seed %d: ", title, result.Options.Seed)
		err = result.WriteText(w)
	}
	if err == nil && result.Failed > 0 {
		err = errReported
	}
	return err
}

// findNodes makes all nodes that answer those to be measured.
func (f *benchFlags) findNodes(ctx context.Context, s *session) error {
	t, err := s.target(ctx)
	if err != nil {
		return err
	}
	o, err := t.Observe(ctx)
	if err != nil {
		return err
	}
	port := target.RESP
	if f.options.ClusterMode {
		port, f.options.Reach = target.ClusterRESP, map[string]string{}
	}
	for i := range o.Nodes {
		n := &o.Nodes[i]
		if !n.Up() {
			continue
		}
		address, err := t.Address(ctx, n.Name, port)
		if err != nil {
			return err
		}
		f.options.Addresses = append(f.options.Addresses, address)
		if f.options.ClusterMode {
			f.options.Reach[n.Status.ClusterAddress] = address
		}
	}
	if len(f.options.Addresses) == 0 {
		return fmt.Errorf("%w: none answers", keytrace.ErrNoNode)
	}
	return nil
}

// parseRange reads "128" or "64-1024".
func parseRange(text string) (low, high int, err error) {
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	low, err = strconv.Atoi(from)
	if err == nil {
		high, err = strconv.Atoi(to)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("--value-bytes %q: want a number, or MIN-MAX", text)
	}
	return low, high, nil
}

func millis(m float64) string {
	return units.Duration(time.Duration(m * float64(time.Millisecond)))
}
