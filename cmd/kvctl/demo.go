package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/load"
	"github.com/ringkv/ringkv/internal/localcluster"
)

type demoFlags struct {
	binary   string
	keys     int
	rate     float64
	port     int
	keep     bool
	patience time.Duration
}

func newDemoCommand() *cobra.Command {
	f := new(demoFlags)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show in a minute what a cluster does and survives",
		Long: `Show in a minute what a cluster does and survives.

Starts three nodes on this machine, in a new folder, and writes keys. Then, while
a load runs that checks every answer: adds two nodes, kills one with -9, removes
one. At last reads every key back and prints the account. The exit code is 1 if
anything was lost or any answer was wrong.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.keys, "keys", 100_000, "number of keys")
	flags.Float64Var(&f.rate, "rate", 2000, "operations per second while nodes come and go; 0 means as many as possible")
	flags.IntVar(&f.port, "port", 0, "first port; 0 means any that is free")
	flags.StringVar(&f.binary, "kvnode", "", "kvnode program (default: the one beside kvctl, or in PATH)")
	flags.BoolVar(&f.keep, "keep", false, "keep the folder with data and logs")
	flags.DurationVar(&f.patience, "patience", time.Minute, "longest time to wait for any one stage")
	return cmd
}

// The demo's cluster.
const (
	demoNodes    = 3
	demoNewNodes = 2
	demoCopies   = 3
)

func (f *demoFlags) run(cmd *cobra.Command) (err error) {
	options := localcluster.Options{
		Nodes: demoNodes, ReplicationFactor: demoCopies, Port: f.port,
		Logger: slog.New(slog.DiscardHandler), // each stage says what happened
	}
	if options.Binary, err = localcluster.FindBinary(f.binary); err != nil {
		return err
	}
	if options.Port == 0 {
		if options.Port, err = localcluster.FreePort(demoNodes + demoNewNodes); err != nil {
			return err
		}
	}
	if options.Dir, err = os.MkdirTemp("", "ringkv-demo-"); err != nil {
		return err
	}
	defer func() {
		if f.keep || err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "data and logs are in %s\n", options.Dir)
			return
		}
		err = os.RemoveAll(options.Dir)
	}()

	c, err := localcluster.Open(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	ctx, cancel := context.WithCancel(cmd.Context())
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- c.Run(ctx)
	}()
	defer func() {
		cancel()
		err = errors.Join(err, <-ended)
	}()
	return newDemo(f, c, cmd.OutOrStdout()).play(ctx)
}

// account is what the demo has to say in the end.
type account struct {
	began  time.Time
	moved  moved
	final  load.Account
	phases []string // the stages under load
}

// play goes through the stages, while the cluster runs.
func (d *demo) play(ctx context.Context) error {
	for _, stage := range []func(context.Context) error{d.start, d.fill} {
		if err := d.stage(ctx, stage); err != nil {
			return err
		}
	}
	loadCtx, stopLoad := context.WithCancel(ctx)
	loadEnded := make(chan error, 1)
	go func() { loadEnded <- d.load.Run(loadCtx) }()
	var err error
	for _, stage := range []func(context.Context) error{d.grow, d.kill, d.shrink} {
		if err = d.stage(ctx, stage); err != nil {
			break
		}
	}
	stopLoad()
	if err = errors.Join(err, <-loadEnded); err != nil {
		return err
	}
	if err := d.stage(ctx, d.readBack); err != nil {
		return err
	}
	fmt.Fprint(d.out, d.account.String())
	if !d.account.final.OK {
		return errReported
	}
	return nil
}
