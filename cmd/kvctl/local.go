package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringkv/ringkv/internal/localcluster"
)

func newLocalCommand(dir *string) *cobra.Command {
	var (
		options localcluster.Options
		binary  string
		verbose bool
	)
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Run a cluster on this machine until told to stop",
		Long: `Run a cluster on this machine, in the foreground, until SIGINT or SIGTERM.

Starts kvnode processes, starts them again when they die, and coordinates them.
When all of them serve, prints one line of JSON with their addresses and process
IDs. Node i (0, 1, 2, ...) listens on the loopback address, from --port + 10*i
on: Redis clients on +0, peers on +1, metrics and health on +2, HTTP on +3, Redis
cluster clients on +4.

Everything is in --dir: each node's data in <node>/data and its log in
<node>/node.log. Started again on the same folder it is the same cluster, with
the nodes and the replication factor that it had at last. Change them with
kvctl addnode, removenode and setreplica.`,
		Example: `  kvctl local --nodes 3 --dir /tmp/kv
  kvctl local --nodes 5 --replication-factor 3 --port 9000
  kvctl --dir /tmp/kv addnode n4`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			level := slog.LevelWarn
			if verbose {
				level = slog.LevelInfo
			}
			options.Dir = *dir
			options.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			var err error
			if options.Binary, err = localcluster.FindBinary(binary); err != nil {
				return err
			}
			return runLocal(cmd, options)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&options.Nodes, "nodes", 3, "number of nodes of a new cluster")
	flags.IntVar(&options.ReplicationFactor, "replication-factor", 0, "copies of every key in a new cluster (default 3, or the number of nodes if that is less)")
	flags.IntVar(&options.Partitions, "partitions", 64, "partitions of a new cluster, a power of two; fixed for its life")
	flags.IntVar(&options.VirtualNodes, "virtual-nodes", 128, "virtual nodes of each node on the ring of a new cluster")
	flags.Int64Var(&options.CompactionOperations, "compaction-operations", 0, "write a partition's snapshot after so many operations; 0 is the default of 100000")
	flags.StringSliceVar(&options.Zones, "zones", nil, "zones that the nodes of a new cluster are in, in turn")
	flags.IntVar(&options.Port, "port", 7000, "first port")
	flags.BoolVar(&options.NoRestart, "no-restart", false, "leave a node down that died")
	flags.StringVar(&binary, "kvnode", "", "kvnode program (default: the one beside kvctl, or in PATH)")
	flags.StringArrayVar(&options.NodeFlags, "node-flag", nil, "flag for every kvnode, such as --node-flag=--log-level=debug; may be repeated")
	flags.BoolVarP(&verbose, "verbose", "v", false, "tell on stderr what the coordinator does")
	return cmd
}

// readyLine is what kvctl local prints on stdout, on one line.
type readyLine struct {
	Ready     bool        `json:"ready"`
	Dir       string      `json:"dir"`
	ClusterID string      `json:"clusterID"`
	Nodes     []readyNode `json:"nodes"`
}

type readyNode struct {
	Name string `json:"name"`
	localcluster.Addresses
	PID int `json:"pid"`
}

func runLocal(cmd *cobra.Command, options localcluster.Options) (err error) {
	c, err := localcluster.Open(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	tellDifferences(cmd, c)

	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		defer cancel() // there is nothing to wait for any more
		ended <- c.Run(ctx)
	}()
	status, err := c.WaitFor(ctx, (*localcluster.Status).Ready)
	if err == nil {
		err = printReady(cmd, options.Dir, status)
	} else {
		err = nil // the end came first: what Run says is what counts
	}
	return errors.Join(err, <-ended)
}

func printReady(cmd *cobra.Command, dir string, s localcluster.Status) error {
	line := readyLine{Ready: true, Dir: dir, ClusterID: s.ClusterID}
	for _, n := range s.Nodes {
		line.Nodes = append(line.Nodes, readyNode{Name: n.Name, Addresses: n.Addresses, PID: n.PID})
	}
	return json.NewEncoder(cmd.OutOrStdout()).Encode(line)
}

// tellDifferences says which flags an existing folder overrules.
func tellDifferences(cmd *cobra.Command, c *localcluster.Cluster) {
	shape := c.Shape()
	has := map[string]int{
		"nodes":              shape.Nodes,
		"replication-factor": shape.ReplicationFactor,
		"partitions":         shape.Partitions,
		"virtual-nodes":      shape.VirtualNodes,
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if n, fixed := has[f.Name]; fixed && f.Value.String() != fmt.Sprint(n) {
			fmt.Fprintf(cmd.ErrOrStderr(), "--%s %s is for a new cluster: the one in this folder has %d\n", f.Name, f.Value, n)
		}
	})
}
