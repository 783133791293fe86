package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/pflag"
)

// flags are the settings of the operator.
type flags struct {
	defaultImage            string
	namespaces              []string
	concurrency             int
	leaderElect             bool
	leaderElectionNamespace string
	metricsAddress          string
	healthAddress           string
	logFormat, logLevel     string
}

func (f *flags) register(set *pflag.FlagSet) {
	set.StringVar(&f.defaultImage, "default-image", "ghcr.io/ringkv/ringkv:latest", "image of the nodes of a new KVCluster that names none")
	set.StringSliceVar(&f.namespaces, "namespaces", nil, "namespaces to look after; all when empty")
	set.IntVar(&f.concurrency, "concurrency", 8, "KVClusters that are worked on at a time")
	set.BoolVar(&f.leaderElect, "leader-elect", false, "wait until no other manager works; needed when there is more than one")
	set.StringVar(&f.leaderElectionNamespace, "leader-election-namespace", "", "namespace of the lease; the pod's own when empty")
	set.StringVar(&f.metricsAddress, "metrics-address", ":8080", "where to serve /metrics; 0 for nowhere")
	set.StringVar(&f.healthAddress, "health-address", ":8081", "where to serve /healthz and /readyz")
	set.StringVar(&f.logFormat, "log-format", "json", "json or text")
	set.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
}

func (f *flags) logHandler() (slog.Handler, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", f.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "json":
		return slog.NewJSONHandler(os.Stderr, options), nil
	case "text":
		return slog.NewTextHandler(os.Stderr, options), nil
	}
	return nil, fmt.Errorf("--log-format %q: use json or text", f.logFormat)
}
