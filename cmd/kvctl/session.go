package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringkv/ringkv/internal/target"
)

// session is what the commands of one process share: which cluster they are about,
// and the way to it. In the shell it outlives the single command.
type session struct {
	dir string

	open target.Target // nil until it is used
}

// register adds the flags that choose the cluster.
func (s *session) register(flags *pflag.FlagSet) {
	flags.StringVar(&s.dir, "dir", "ringkv-data", "folder of the local cluster")
}

// target returns the cluster that the flags choose.
func (s *session) target() (target.Target, error) {
	if s.open == nil {
		s.open = target.NewLocal(s.dir)
	}
	return s.open, nil
}

func (s *session) close() {
	if s.open != nil {
		_ = s.open.Close() // nothing is written through it
		s.open = nil
	}
}

// on makes the RunE of a command that works on the cluster.
func (s *session) on(run func(cmd *cobra.Command, t target.Target, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		t, err := s.target()
		if err != nil {
			return err
		}
		return run(cmd, t, args)
	}
}

// look makes the RunE of a command that shows something of an observation.
func (s *session) look(out *output, show func(w io.Writer, o *target.Observation) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := out.check(); err != nil {
			return err
		}
		o, err := s.observe(cmd.Context())
		if err != nil {
			return err
		}
		return show(cmd.OutOrStdout(), o)
	}
}

func (s *session) observe(ctx context.Context) (*target.Observation, error) {
	t, err := s.target()
	if err != nil {
		return nil, err
	}
	return t.Observe(ctx)
}

// nodeNames completes the names of nodes.
func (s *session) nodeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	o, err := s.observe(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for i := range o.Nodes {
		names = append(names, o.Nodes[i].Name+"\t"+o.Nodes[i].State())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
