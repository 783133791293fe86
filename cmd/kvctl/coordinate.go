package main

import (
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/localcluster"
)

func newCoordinateCommand(s *session) *cobra.Command {
	var (
		options localcluster.Options
		seeds   []string
		quiet   bool
	)
	cmd := &cobra.Command{
		Use:   "coordinate --seeds NAME=HOST:PORT[,...]",
		Short: "Coordinate nodes that somebody else runs, without Kubernetes",
		Long: `Coordinate nodes that somebody else runs, without Kubernetes: containers, services of
systemd, processes on several machines.

The seeds are the nodes of a new cluster: each one's name (kvnode --name) and where
its peer port is. Without NAME= the name is the host. The cluster begins when all of
them answer and all are empty. What it is, is kept in --dir: started again on the same
folder it is the same cluster, whatever the seeds say. The nodes serve without it too;
while it is away nothing moves.

Other commands of kvctl reach it by the same --dir. addnode takes the peer address of
the new node; a node that removenode has emptied is yours to stop.`,
		Example: `  kvctl coordinate --dir /data --seeds n1=n1:7000,n2=n2:7000,n3=n3:7000
  kvctl --dir /data addnode n4 n4:7000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, text := range seeds {
				n, err := parseSeed(text)
				if err != nil {
					return usageError{err}
				}
				options.Seeds = append(options.Seeds, n)
			}
			level := slog.LevelInfo
			if quiet {
				level = slog.LevelWarn
			}
			options.Dir = s.dir
			options.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			return runLocal(cmd, options)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&seeds, "seeds", nil, "the nodes of a new cluster, each as NAME=HOST:PORT or HOST:PORT (required)")
	flags.IntVar(&options.ReplicationFactor, "replication-factor", 0, "copies of every key in a new cluster (default 3, or the number of nodes if that is less)")
	flags.IntVar(&options.Partitions, "partitions", 64, "partitions of a new cluster, a power of two; fixed for its life")
	flags.IntVar(&options.VirtualNodes, "virtual-nodes", 128, "virtual nodes of each node on the ring of a new cluster")
	flags.Int64Var(&options.CompactionOperations, "compaction-operations", 0, "write a partition's snapshot after so many operations; 0 is the default of 100000")
	flags.BoolVarP(&quiet, "quiet", "q", false, "tell only of what goes wrong")
	cobra.CheckErr(cmd.MarkFlagRequired("seeds"))
	return cmd
}

func parseSeed(text string) (localcluster.NewNode, error) {
	name, address, named := strings.Cut(text, "=")
	if !named {
		address = text
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return localcluster.NewNode{}, fmt.Errorf("seed %q: want NAME=HOST:PORT or HOST:PORT", text)
	}
	if !named {
		name = host
	}
	return localcluster.NewNode{Name: name, Address: address}, nil
}
