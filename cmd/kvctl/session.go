package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringkv/ringkv/internal/target"
	"github.com/ringkv/ringkv/internal/target/kube"
)

// session is what the commands of one process share: which cluster they are about,
// and the way to it. In the shell it outlives the single command.
type session struct {
	dir  string
	kube kube.Options
	// plugin: this is kubectl kv, and clusters are in Kubernetes without further ado.
	plugin bool
	flags  *pflag.FlagSet // that chose the cluster

	open target.Target // nil until it is used
}

// register adds the flags that choose the cluster.
func (s *session) register(flags *pflag.FlagSet) {
	s.flags = flags
	flags.StringVar(&s.dir, "dir", "ringkv-data", "folder of the local cluster")
	flags.StringVarP(&s.kube.Namespace, "namespace", "n", "", "Kubernetes: namespace of the KVCluster (default: that of the context)")
	flags.StringVar(&s.kube.Name, "cluster", "", "Kubernetes: name of the KVCluster (default: the only one in the namespace)")
	flags.StringVar(&s.kube.Kubeconfig, "kubeconfig", "", "Kubernetes: kubeconfig file (default: as kubectl finds it)")
	flags.StringVar(&s.kube.Context, "context", "", "Kubernetes: context of the kubeconfig (default: the current one)")
}

// name is what the program is called by who runs it.
func (s *session) name() string {
	if s.plugin {
		return "kubectl kv"
	}
	return "kvctl"
}

// inKubernetes tells whether the flags choose a KVCluster: any of its own does, and
// --dir does not.
func (s *session) inKubernetes() bool {
	given := func(name string) bool { return s.flags != nil && s.flags.Changed(name) }
	if given("namespace") || given("cluster") || given("kubeconfig") || given("context") {
		return true
	}
	return s.plugin && !given("dir")
}

// target returns the cluster that the flags choose.
func (s *session) target(ctx context.Context) (target.Target, error) {
	switch {
	case s.open != nil:
	case !s.inKubernetes():
		s.open = target.NewLocal(s.dir)
	case s.flags.Changed("dir"):
		return nil, usageError{errors.New("--dir is for local clusters, --namespace, --cluster, --kubeconfig and --context for those in Kubernetes: choose one")}
	default:
		c, err := kube.Open(ctx, s.kube)
		if err != nil {
			return nil, err
		}
		s.open = c
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
		t, err := s.target(cmd.Context())
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
	t, err := s.target(ctx)
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
