// Command kvnode is one node of a ringkv cluster: it keeps its share of the data in
// memory and in a write-ahead log on one volume, and serves Redis clients, its
// peers and the coordinator.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/resp"
	"github.com/ringkv/ringkv/internal/kv/rpc"
	"github.com/ringkv/ringkv/internal/kv/vfs"
)

func main() {
	if err := rootCommand().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "kvnode:", err)
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:           "kvnode",
		Short:         "Run one node of a ringkv cluster",
		Long:          "Run one node of a ringkv cluster.\n\nEvery flag can also be given as RINGKV_<NAME> in the environment, with dashes as underscores.",
		Version:       buildVersion(),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags()); err != nil {
				return err
			}
			if err := f.check(); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return run(ctx, &f)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// run serves until ctx ends, then stops gracefully: leaders leave first, so that
// clients see no more than a hand-over.
func run(ctx context.Context, f *flags) error {
	logger := f.logger()
	listeners, err := f.listen()
	if err != nil {
		return err
	}
	defer listeners.close()
	if f.tls.Cert != "" {
		if err := listeners.secure(f.tls, logger); err != nil {
			return err
		}
	}
	limit, err := f.memory()
	if err != nil {
		return err
	}
	go boundGarbage(ctx)
	fatal := make(chan error, 1)
	n, err := node.Open(node.Options{
		FS: vfs.OS{}, Dir: f.dir, Name: f.name, Zone: f.zone,
		PeerAddress: f.advertised(listeners.peer), RESPAddress: f.advertised(listeners.resp),
		ClusterAddress: f.announced(listeners.cluster), HTTPAddress: f.advertised(listeners.http),
		ClusterTLSAddress: f.advertised(listeners.clusterTLS), OutsideAddress: f.announcedOutside(listeners.outside),
		MetricsAddress: f.advertised(listeners.metrics),
		MemoryLimit:    limit, HistoryBytes: f.watchHistory, Logger: logger, Version: buildVersion(),
		Fatal: func(err error) {
			// The log cannot be trusted any more: nothing may be acknowledged from
			// here on, so the process ends without another step.
			logger.Error("the log failed: the process ends", "error", err)
			os.Exit(2)
		},
	})
	if err != nil {
		return err
	}
	logger.Info("node started", "node", n.ID(), "name", f.name, "version", buildVersion(), "dir", f.dir,
		"resp", listeners.resp.Addr(), "cluster", listeners.cluster.Addr(), "http", listeners.http.Addr(),
		"peer", listeners.peer.Addr(), "memoryLimit", limit)

	mux := http.NewServeMux()
	mux.Handle("/peer/", n.Transport().Handler())
	mux.Handle("/admin/", rpc.NewHandler(n))
	redis := resp.New(resp.Options{
		Backend: backend{n}, Cluster: n, Logger: logger, Version: buildVersion(),
		MaxConnections: f.maxConnections, MaxBulkBytes: f.maxValueBytes, IdleTimeout: f.idleTimeout, EnableDebug: f.enableDebug,
	})
	api := rpc.NewAPIServer(n)
	peer := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	watch := rpc.NewHealthHandler(n, metricsHandler(n, redis))
	if f.pprof {
		watch = profileHandler(watch)
	}
	metrics := &http.Server{Handler: watch, ReadHeaderTimeout: 5 * time.Second}
	serve := func(what string, err error) {
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			fatal <- fmt.Errorf("serve %s: %w", what, err)
		}
	}
	go func() { serve("peers", peer.Serve(listeners.peer)) }()
	go func() { serve("metrics", metrics.Serve(listeners.metrics)) }()
	go func() { serve("HTTP clients", api.Serve(listeners.http)) }()
	go func() { serve("redis clients", redis.Serve(listeners.resp)) }()
	go func() { serve("redis cluster clients", redis.ServeCluster(listeners.cluster, command.Inside)) }()
	if l := listeners.outside; l != nil {
		go func() { serve("redis cluster clients from outside", redis.ServeCluster(l, command.Outside)) }()
	}
	if l := listeners.respTLS; l != nil {
		go func() { serve("redis clients with TLS", redis.Serve(l)) }()
	}
	if l := listeners.clusterTLS; l != nil {
		go func() { serve("redis cluster clients with TLS", redis.ServeCluster(l, command.InsideTLS)) }()
	}

	select {
	case err = <-fatal:
	case <-ctx.Done():
		stopGracefully(n, redis, api, logger, f.drainTimeout)
	}
	closeCtx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(err, n.Close(), shutdown(closeCtx, api), shutdown(closeCtx, metrics), shutdown(closeCtx, peer))
}

// stopGracefully hands all leaderships over and lets clients finish.
func stopGracefully(n *node.Node, redis *resp.Server, api *http.Server, logger *slog.Logger, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	logger.Info("stopping: leaders leave first")
	if err := n.Drain(ctx); err != nil {
		logger.Warn("stopping although this node still leads partitions", "error", err)
	}
	if err := errors.Join(redis.Shutdown(ctx), api.Shutdown(ctx)); err != nil {
		logger.Warn("client connections were cut", "error", err)
	}
	logger.Info("stopped")
}

func shutdown(ctx context.Context, s *http.Server) error {
	if err := s.Shutdown(ctx); err != nil {
		return s.Close()
	}
	return nil
}
