package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/internal/target"
)

func newWatchCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch [KEY]",
		Short: "Tell what changes in the cluster, or keys that change, as it happens",
		Long: `Tell what changes, as it happens, until Ctrl-C.

Without KEY and --prefix that is the cluster: nodes that come, go, fail and return,
copies that are made and removed, leaders, and what stands in the way of moves.

With KEY or --prefix it is keys: every change once, those of a key in their order, also
while nodes fail. The end of the output and each last change of -o json have a token;
with --resume it goes on from there without a gap. The cluster keeps only the newest
changes: if it has not all any more, the watch ends with an error.`,
		Example: `  kvctl watch
  kvctl watch --for 1m -o json
  kvctl watch apple --after-version 7
  kvctl watch --prefix session: -o json`,
		Args: cobra.MaximumNArgs(1),
	}
	length := cmd.Flags().Duration("for", 0, "how long; 0 means until Ctrl-C")
	keys := new(keyWatchFlags)
	keys.register(cmd)
	out := outputFlag(cmd, "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := out.check(); err != nil {
			return err
		}
		if *length < 0 {
			return usageError{fmt.Errorf("--for %s: want a positive time", *length)}
		}
		var request *kvv1.WatchRequest
		if keys.keys(args) {
			var err error
			if request, err = keys.request(args); err != nil {
				return err
			}
		}
		ctx := cmd.Context()
		if *length > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, *length)
			defer cancel()
		}
		t, err := s.target(ctx)
		switch {
		case err != nil:
			return err
		case request != nil:
			return watchKeys(ctx, cmd, t, request, out.form)
		}
		return watchCluster(ctx, cmd.OutOrStdout(), t, out.form)
	}
	return cmd
}

// watchCluster prints what changes until ctx ends.
func watchCluster(ctx context.Context, w io.Writer, t target.Target, form string) error {
	before, err := t.Observe(ctx)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
		o, err := t.Observe(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, c := range target.Changes(before, o) {
			if form == "json" {
				err = encoder.Encode(timedChange{o.At, c})
			} else {
				_, err = fmt.Fprintln(w, o.At.Format("15:04:05.000"), c.Text)
			}
			if err != nil {
				return err
			}
		}
		before = o
	}
}

// timedChange is a line of watch -o json.
type timedChange struct {
	At time.Time `json:"at"`
	target.Change
}
