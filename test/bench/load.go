package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/ringkv/ringkv/internal/bench"
)

// loadCommand as the only argument makes this program the one that bench.Serve
// describes, with Redis as what is measured.
const loadCommand = "load"

// valueBytes is the length of values in all rates.
const valueBytes = 256

// The keys of rates: of those that redis-benchmark measures, and of those with etcd.
const (
	manyKeys = 100_000
	keys     = 20_000
)

// clientTimeout is how long any client waits for an answer before it turns to
// another server.
const clientTimeout = time.Second

// order returns the options that all loads share.
func order(addresses []string, connections int) bench.Options {
	return bench.Options{
		Addresses: addresses, Connections: connections, Pipeline: 1, Keys: keys, Prefix: "key:", Distribution: bench.Uniform,
		MinValueBytes: valueBytes, MaxValueBytes: valueBytes, Timeout: clientTimeout, Seed: 1,
	}
}

// goLoad runs the load in a process of its own: for etcd the one with its client,
// for all others this program's.
func (r *run) goLoad(ctx context.Context, s server, o bench.Options, fill bool) (*bench.Result, error) {
	program, args := "", []string{loadCommand}
	if _, ok := s.(*etcdServer); ok {
		program, args = r.etcdLoad, nil
	} else {
		own, err := os.Executable()
		if err != nil {
			return nil, err
		}
		program = own
	}
	in, err := json.Marshal(bench.Order{Options: o, Fill: fill})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("load: %w: %s", err, &stderr)
	}
	result := new(bench.Result)
	return result, json.Unmarshal(out, result)
}

// loaded is how a load ended.
type loaded struct {
	result *bench.Result
	err    error
}

// inBackground starts the load and returns where its end is told.
func (r *run) inBackground(ctx context.Context, s server, o bench.Options) <-chan loaded {
	done := make(chan loaded, 1)
	go func() {
		result, err := r.goLoad(ctx, s, o, false)
		done <- loaded{result, err}
	}()
	return done
}

// fillConnections is how many clients write the keys: etcd has no pipelines, and with
// few clients it would take minutes.
const fillConnections = 200

// fill writes all keys that loads of this store use.
func (r *run) fill(ctx context.Context, s server) error {
	return r.write(ctx, s, order(s.addresses(), fillConnections))
}

// write writes every key of a load once.
func (r *run) write(ctx context.Context, s server, o bench.Options) error {
	o.Distribution, o.ReadFraction, o.Count, o.Duration, o.Warmup = bench.Sequential, 0, uint64(o.Keys), 0, 0
	o.Timeout = 30 * time.Second
	return noneFailed(r.goLoad(ctx, s, o, false))
}

// redisLoad is one use of redis-benchmark.
type redisLoad struct {
	test        string // set or get
	connections int
	pipeline    int
	keys        int
	valueBytes  int
}

// probe is how many commands find out how many fill the time.
const probe = 20_000

// benchmark runs redis-benchmark for about the time and returns commands a second
// and the p99 in milliseconds. The program counts commands, not time: a short run
// says how many.
func (l redisLoad) benchmark(ctx context.Context, address string, about time.Duration) (rate, p99 float64, err error) {
	if rate, _, err = l.count(ctx, address, probe); err != nil {
		return 0, 0, err
	}
	return l.count(ctx, address, max(int(rate*about.Seconds()), probe))
}

// count runs redis-benchmark for n commands.
func (l redisLoad) count(ctx context.Context, address string, n int) (rate, p99 float64, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.CommandContext(ctx, "redis-benchmark", "-h", host, "-p", port, "-t", l.test, "-n", strconv.Itoa(n), "-r", strconv.Itoa(l.keys),
		"-d", strconv.Itoa(l.valueBytes), "-c", strconv.Itoa(l.connections), "-P", strconv.Itoa(l.pipeline), "--csv")
	out, err := cmd.Output()
	if err != nil {
		return 0, 0, fmt.Errorf("redis-benchmark: %w: %s", err, out)
	}
	return parseBenchmark(out)
}

// parseBenchmark reads what redis-benchmark --csv prints: a head and a line.
func parseBenchmark(out []byte) (rate, p99 float64, err error) {
	lines, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil {
		return 0, 0, fmt.Errorf("redis-benchmark printed %q: %w", out, err)
	}
	if len(lines) != 2 {
		return 0, 0, fmt.Errorf("redis-benchmark printed %q: want a head and a line", out)
	}
	for i, name := range lines[0] {
		switch name {
		case "rps":
			rate, err = strconv.ParseFloat(lines[1][i], 64)
		case "p99_latency_ms":
			p99, err = strconv.ParseFloat(lines[1][i], 64)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("redis-benchmark printed %q: %w", out, err)
		}
	}
	if rate == 0 || p99 == 0 {
		return 0, 0, fmt.Errorf("redis-benchmark printed no rate: %q", out)
	}
	return rate, p99, nil
}
