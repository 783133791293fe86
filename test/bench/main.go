// Command bench measures ringkv beside Redis and etcd: in one run, on one machine,
// on one disk, started in turn, several rounds. What it finds goes into
// docs/performance.md. Start it with `make bench-peers`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ringkv/ringkv/internal/bench"
)

// settings are what the run is told.
type settings struct {
	only   string
	rounds int
	time   time.Duration
	kills  int
	keys   int
	most   int

	kvnode, etcd, etcdLoad string // programs
	dir                    string // data and logs; on the disk that is to be measured
	docs                   string // folder of performance.md
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == loadCommand {
		os.Exit(status(bench.Serve(context.Background(), os.Stdin, os.Stdout, nil)))
	}
	var s settings
	flag.StringVar(&s.only, "only", "", "groups to measure, separated by commas: "+strings.Join(groupNames(), " ")+" (default: all but "+strings.Join(onRequest(), " ")+")")
	flag.IntVar(&s.rounds, "rounds", 3, "how often each system is started and measured")
	flag.DurationVar(&s.time, "time", 2*time.Second, "how long each rate is measured")
	flag.IntVar(&s.kills, "kills", 20, "how many leaders are killed, of each system")
	flag.IntVar(&s.keys, "restart-keys", 5_000_000, "keys to restart with")
	flag.IntVar(&s.most, "memory-keys", 10_000_000, "most keys to measure memory with")
	flag.StringVar(&s.kvnode, "kvnode", "bin/kvnode", "the kvnode to run")
	flag.StringVar(&s.etcd, "etcd", "", "the etcd to run; without one its columns stay empty")
	flag.StringVar(&s.etcdLoad, "etcd-load", "", "the program of test/bench/etcd")
	flag.StringVar(&s.dir, "dir", "build/bench", "folder for data and logs, on the disk that is to be measured")
	flag.StringVar(&s.docs, "docs", "docs", "folder of performance.md")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(status(s.run(ctx)))
}

func status(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	return 1
}

// group is a part of the run that can be asked for alone.
type group struct {
	name      string
	onRequest bool // not part of a run that asks for nothing
	measure   func(context.Context, *run) error
}

// groups are in the order of the report.
var groups = []group{
	{name: "rf1", measure: measureOneNode},
	{name: "rf3", measure: measureThreeNodes},
	{name: "forward", measure: measureForwarding},
	{name: "memory", measure: measureMemory},
	{name: "restart", measure: measureRestart},
	{name: "pauses", measure: measurePauses},
	{name: "kills", measure: measureKills},
	{name: "drain", measure: measureDrain},
	{name: "idle", measure: measureIdle},
	{name: "growth", measure: measureGrowth, onRequest: true},
}

func groupNames() (names []string) {
	for _, g := range groups {
		names = append(names, g.name)
	}
	return names
}

func onRequest() (names []string) {
	for _, g := range groups {
		if g.onRequest {
			names = append(names, g.name)
		}
	}
	return names
}

// chosen are the groups to measure.
func (s *settings) chosen() ([]group, error) {
	var out []group
	if s.only == "" {
		for _, g := range groups {
			if !g.onRequest {
				out = append(out, g)
			}
		}
		return out, nil
	}
	for name := range strings.SplitSeq(s.only, ",") {
		i := slices.IndexFunc(groups, func(g group) bool { return g.name == name })
		if i < 0 {
			return nil, fmt.Errorf("nothing is called %q: choose of %s", name, strings.Join(groupNames(), " "))
		}
		out = append(out, groups[i])
	}
	return out, nil
}

// run is a run under way.
type run struct {
	settings
	results *results
	begun   map[string]bool // lines of charts that have points of this run
}

func (s *settings) run(ctx context.Context) (err error) {
	chosen, err := s.chosen()
	if err != nil {
		return err
	}
	if s.rounds < 1 || s.time <= 0 || s.kills < 1 || s.keys < 1 || s.most < 1 {
		return errors.New("rounds, time, kills and keys must be positive")
	}
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	machine, err := describeMachine(ctx, s)
	if err != nil {
		return err
	}
	r := &run{settings: *s}
	if r.results, err = loadResults(s.docs); err != nil {
		return err
	}
	r.results.Machine = machine
	fmt.Println(machine)
	var errs []error
	for _, g := range chosen {
		began := time.Now()
		fmt.Printf("== %s\n", g.name)
		// What is measured is kept, whatever becomes of the rest.
		if err := g.measure(ctx, r); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", g.name, err)
			errs = append(errs, fmt.Errorf("%s: %w", g.name, err))
		}
		if err := r.results.save(s.docs); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
		fmt.Printf("== %s took %s\n", g.name, time.Since(began).Round(time.Second))
	}
	return errors.Join(errs...)
}
