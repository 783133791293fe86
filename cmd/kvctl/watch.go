package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/target"
)

func newWatchCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Tell what changes in the cluster, as it happens",
		Long: `Tell what changes in the cluster, as it happens, until Ctrl-C: nodes that come, go,
fail and return, copies that are made and removed, leaders, and what stands in the way
of moves.`,
		Example: "  kvctl watch\n  kvctl watch --for 1m -o json",
		Args:    cobra.NoArgs,
	}
	length := cmd.Flags().Duration("for", 0, "how long; 0 means until Ctrl-C")
	out := outputFlag(cmd, "json")
	cmd.RunE = s.on(func(cmd *cobra.Command, t target.Target, _ []string) error {
		if err := out.check(); err != nil {
			return err
		}
		ctx := cmd.Context()
		if *length > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, *length)
			defer cancel()
		}
		before, err := t.Observe(ctx)
		if err != nil {
			return err
		}
		encoder := json.NewEncoder(cmd.OutOrStdout())
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
				if out.form == "json" {
					err = encoder.Encode(timedChange{o.At, c})
				} else {
					_, err = fmt.Fprintln(cmd.OutOrStdout(), o.At.Format("15:04:05.000"), c.Text)
				}
				if err != nil {
					return err
				}
			}
			before = o
		}
	})
	return cmd
}

// timedChange is a line of watch -o json.
type timedChange struct {
	At time.Time `json:"at"`
	target.Change
}
