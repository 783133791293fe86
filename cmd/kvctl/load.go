package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/load"
)

type loadFlags struct {
	options       load.Options
	duration      time.Duration
	verifyTimeout time.Duration
	json          bool
	controlPort   int
}

func newLoadCommand() *cobra.Command {
	f := new(loadFlags)
	cmd := &cobra.Command{
		Use:   "load --addresses HOST:PORT[,HOST:PORT...]",
		Short: "Put load on a cluster and check every answer",
		Long: `Put load on a cluster and check every answer.

Writes every key once, then reads and writes until --duration is over or the
process is told to stop (SIGINT, SIGTERM), then reads every key back and prints
the account. The exit code is 1 if any answer was wrong, or if a key is lost or
could not be read.

With --control-port another process can follow and drive the load over HTTP:
GET /ready, GET /stats, POST /phase?name=NAME, POST /verify.`,
		Example: `  kvctl load --addresses 127.0.0.1:7000,127.0.0.1:7010 --duration 30s
  kvctl load --addresses demo:6379 --rate 500 --json --control-port 8080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.options.Addresses, "addresses", nil, "plain RESP ports of nodes or of a Service, as host:port (required)")
	flags.DurationVar(&f.duration, "duration", 0, "how long to read and write after all keys are written; 0 means until told to stop")
	flags.IntVar(&f.options.Keys, "keys", 1000, "number of keys")
	flags.IntVar(&f.options.Workers, "workers", 8, "number of concurrent clients")
	flags.IntVar(&f.options.Pipeline, "pipeline", 1, "operations that a client sends at once")
	flags.IntVar(&f.options.ValueBytes, "value-bytes", 64, "length of values")
	flags.Float64Var(&f.options.ReadFraction, "read-fraction", 0.5, "part of the operations that are reads, 0 to 1")
	flags.Float64Var(&f.options.Rate, "rate", 0, "upper bound of operations per second; 0 means none")
	flags.DurationVar(&f.options.Timeout, "timeout", 3*time.Second, "longest wait for one answer before it is tried again")
	flags.StringVar(&f.options.Prefix, "prefix", "", "beginning of all keys (default: a random one)")
	flags.Uint64Var(&f.options.Seed, "seed", 0, "seed of the choice of keys; 0 means a random one")
	flags.DurationVar(&f.verifyTimeout, "verify-timeout", time.Minute, "longest time to read the keys back")
	flags.BoolVar(&f.json, "json", false, "print the account as one line of JSON")
	flags.IntVar(&f.controlPort, "control-port", 0, "port for following and driving the load over HTTP; 0 means none")
	cobra.CheckErr(cmd.MarkFlagRequired("addresses"))
	return cmd
}

func (f *loadFlags) run(cmd *cobra.Command) error {
	f.options.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	l, err := load.New(f.options)
	if err != nil {
		return err
	}
	// What runs beside the load ends with it.
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	if f.controlPort != 0 {
		stop, err := serveControl(l, f.controlPort, f.options.Logger)
		if err != nil {
			return err
		}
		defer stop()
	}
	if !f.json {
		go progress(ctx, l, cmd.ErrOrStderr())
	}
	if err := l.Fill(ctx); err == nil {
		l.Phase("run")
		runCtx := ctx
		if f.duration > 0 {
			var done context.CancelFunc
			runCtx, done = context.WithTimeout(ctx, f.duration)
			defer done()
		}
		if err := l.Run(runCtx); err != nil {
			return err
		}
	} else if !errors.Is(err, context.Canceled) {
		return err
	}
	cancel()

	// The signal that ended the load is no reason not to look at what it did.
	verifyCtx, done := context.WithTimeout(context.WithoutCancel(cmd.Context()), f.verifyTimeout)
	defer done()
	account := load.NewAccount(l.Stats(), l.Verify(verifyCtx))
	if f.json {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(account)
	} else {
		_, err = cmd.OutOrStdout().Write([]byte(describeAccount(account)))
	}
	if err == nil && !account.OK {
		err = errReported
	}
	return err
}

// serveControl returns a function that stops the server.
func serveControl(l *load.Load, port int, logger *slog.Logger) (func(), error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("listen for control: %w", err)
	}
	server := &http.Server{Handler: load.NewHandler(l), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("control port failed", "error", err)
		}
	}()
	return func() {
		server.Close()
		<-done
	}, nil
}

func describeAccount(a load.Account) string {
	var b strings.Builder
	v, s := a.Verification, a.Stats
	fmt.Fprintf(&b, "keys          %d acknowledged, %d of %d read back\n", v.Acknowledged, v.Read, v.Keys)
	fmt.Fprintf(&b, "lost          %d\n", v.Lost)
	fmt.Fprintf(&b, "wrong         %d (values that were refused or never written)\n", v.Wrong)
	fmt.Fprintf(&b, "wrong reads   %d on the way\n", s.Violations.Total())
	if n := s.Late + uint64(v.Late); n > 0 {
		fmt.Fprintf(&b, "late          %d writes of unknown outcome showed up after a later one\n", n)
	}
	for _, kind := range []struct {
		name  string
		stats load.OperationStats
	}{{"writes", s.Total.Writes}, {"reads", s.Total.Reads}} {
		o := kind.stats
		if o.Succeeded == 0 && o.Pause.Millis == 0 {
			continue
		}
		fmt.Fprintf(&b, "%-13s %d, %d attempts refused, %d of unknown outcome; p50 %s, p99 %s, p99.9 %s\n",
			kind.name, o.Succeeded, o.Refused, o.Unknown, short(o.Latency.P50), short(o.Latency.P99), short(o.Latency.P999))
		fmt.Fprintf(&b, "longest pause %s, from %s\n", short(o.Pause.Millis), o.Pause.At.Format("15:04:05.000"))
	}
	for _, sample := range slices.Concat(s.Violations.Samples, v.Samples, s.LateSamples) {
		fmt.Fprintf(&b, "  %s\n", sample)
		for _, line := range sample.History {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	if v.LastError != "" {
		fmt.Fprintf(&b, "not all keys could be read: %s\n", v.LastError)
	}
	if a.OK {
		b.WriteString("every acknowledged write is there\n")
	} else {
		b.WriteString("NOT RIGHT\n")
	}
	return b.String()
}

// short prints a duration as people read it.
func short(m load.Millis) string {
	d := m.Duration()
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(10 * time.Microsecond).String()
	}
}
