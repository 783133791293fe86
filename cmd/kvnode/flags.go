package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ringkv/ringkv/internal/certificate"
	"github.com/ringkv/ringkv/internal/kv/command"
)

// flags are what a node is told at its start; everything that may change while it
// runs comes with the cluster map.
type flags struct {
	dir, name, zone     string
	bind, advertiseHost string
	respPort, peerPort  int
	clusterPort         int
	httpPort            int
	announceCluster     string
	outsidePort         int
	announceOutside     string
	respTLSPort         int
	clusterTLSPort      int
	tls                 certificate.Files
	metricsPort         int
	memoryLimit         int64
	maxConnections      int
	maxValueBytes       int
	idleTimeout         time.Duration
	enableDebug         bool
	pprof               bool
	watchHistory        int
	drainTimeout        time.Duration
	logFormat, logLevel string
}

// leastMaxValue is the smallest --max-value-bytes; the largest is command.MaxValueBytes.
const leastMaxValue = 1 << 20

func (f *flags) register(s *pflag.FlagSet) {
	s.StringVar(&f.dir, "dir", "", "directory of this node's data; an empty one becomes a new node (required)")
	s.StringVar(&f.name, "name", "", "name of the node's place: the pod's name (default: the host's name)")
	s.StringVar(&f.zone, "zone", "", "failure zone, for spreading replicas")
	s.StringVar(&f.bind, "bind", "0.0.0.0", "address to listen on")
	s.StringVar(&f.advertiseHost, "advertise-host", "", "host under which peers and clients reach this node (default: the bind address)")
	s.IntVar(&f.respPort, "resp-port", 6379, "port for Redis clients; any node serves any key")
	s.IntVar(&f.clusterPort, "cluster-port", 6380, "port for clients of Redis Cluster, which are sent to the node that leads the key")
	s.StringVar(&f.announceCluster, "announce-cluster", "", "host:port under which clients of Redis Cluster reach this node (default: the advertised host and the cluster port)")
	s.StringVar(&f.announceOutside, "announce-outside", "", "host or host:port under which clients of Redis Cluster reach this node's outside port, if they cannot reach the cluster port; opens it")
	s.IntVar(&f.outsidePort, "outside-port", 6381, "port for clients of Redis Cluster that are given the addresses of --announce-outside; with TLS if there is a certificate")
	s.StringVar(&f.tls.Cert, "tls-cert-file", "", "certificate of the TLS ports, in PEM; opens them. A new one is taken while the node runs")
	s.StringVar(&f.tls.Key, "tls-key-file", "", "key of the certificate, in PEM")
	s.StringVar(&f.tls.ClientCA, "tls-client-ca-file", "", "authorities, in PEM, of which clients must show a certificate (default: clients need none)")
	s.IntVar(&f.respTLSPort, "resp-tls-port", 6389, "port for Redis clients with TLS")
	s.IntVar(&f.clusterTLSPort, "cluster-tls-port", 6390, "port for clients of Redis Cluster with TLS")
	s.IntVar(&f.httpPort, "http-port", 8080, "port for HTTP and gRPC clients; any node serves any key")
	s.IntVar(&f.peerPort, "peer-port", 7000, "port for peers and the coordinator")
	s.IntVar(&f.metricsPort, "metrics-port", 9090, "port of /metrics, /healthz and /readyz")
	s.Int64Var(&f.memoryLimit, "memory-limit", 0, "most bytes that data may take; 0 takes three quarters of the container's limit, -1 means none")
	s.IntVar(&f.maxConnections, "max-connections", 10_000, "most Redis clients at a time; CONFIG SET maxclients changes it")
	s.IntVar(&f.maxValueBytes, "max-value-bytes", command.MaxValueBytes, "longest argument of a Redis command, so the longest value; 64 MiB at most")
	s.DurationVar(&f.idleTimeout, "idle-timeout", 0, "close Redis clients that are silent for so long; 0 never does; CONFIG SET timeout changes it")
	s.BoolVar(&f.enableDebug, "enable-debug-command", false, "allow DEBUG ERROR, LOG, OBJECT, PROTOCOL and SLEEP")
	s.BoolVar(&f.pprof, "pprof", false, "serve CPU, memory and lock profiles under /debug/pprof/ on the metrics port")
	s.IntVar(&f.watchHistory, "watch-history", 256<<10, "bytes of each partition's newest changes to keep in memory, for watches that go on")
	s.DurationVar(&f.drainTimeout, "drain-timeout", 20*time.Second, "longest time that a graceful stop waits for leaders to leave and clients to finish")
	s.StringVar(&f.logFormat, "log-format", "text", "text or json")
	s.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
}

// fromEnvironment sets the flags that were not given from RINGKV_<NAME>.
func fromEnvironment(s *pflag.FlagSet) error {
	var err error
	s.VisitAll(func(f *pflag.Flag) {
		name := "RINGKV_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v, ok := os.LookupEnv(name); ok && !f.Changed && err == nil {
			if e := s.Set(f.Name, v); e != nil {
				err = fmt.Errorf("%s=%q in the environment: %w", name, v, e)
			}
		}
	})
	return err
}

// check fills defaults in and refuses what cannot work.
func (f *flags) check() error {
	if f.dir == "" {
		return errors.New("--dir is required: the directory that holds this node's data")
	}
	if f.name == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("--name was not given and the host has no name: %w", err)
		}
		f.name = host
	}
	if f.advertiseHost == "" {
		f.advertiseHost = f.bind
	}
	if f.maxConnections < 1 {
		return fmt.Errorf("--max-connections is %d: use 1 or more", f.maxConnections)
	}
	if f.maxValueBytes < leastMaxValue || f.maxValueBytes > command.MaxValueBytes {
		return fmt.Errorf("--max-value-bytes is %d: use %d to %d", f.maxValueBytes, leastMaxValue, command.MaxValueBytes)
	}
	if f.idleTimeout < 0 {
		return fmt.Errorf("--idle-timeout is %s: use 0 or more", f.idleTimeout)
	}
	if f.logFormat != "text" && f.logFormat != "json" {
		return fmt.Errorf("--log-format is %q: use text or json", f.logFormat)
	}
	if _, err := f.level(); err != nil {
		return err
	}
	if f.watchHistory < 1 {
		return fmt.Errorf("--watch-history is %d: use 1 or more bytes", f.watchHistory)
	}
	if f.announceCluster != "" {
		if err := checkAnnounced("announce-cluster", f.announceCluster); err != nil {
			return err
		}
	}
	if f.announceOutside != "" {
		if err := checkAnnounced("announce-outside", withPort(f.announceOutside, 1)); err != nil {
			return err
		}
	}
	if (f.tls.Cert == "") != (f.tls.Key == "") || f.tls.ClientCA != "" && f.tls.Cert == "" {
		return errors.New("TLS needs both --tls-cert-file and --tls-key-file")
	}
	for name, port := range map[string]int{"resp": f.respPort, "cluster": f.clusterPort, "http": f.httpPort, "peer": f.peerPort, "metrics": f.metricsPort,
		"outside": f.outsidePort, "resp-tls": f.respTLSPort, "cluster-tls": f.clusterTLSPort} {
		if port < 0 || port > math.MaxUint16 {
			return fmt.Errorf("--%s-port is %d: use a number from 0 to 65535 (0 takes any free port)", name, port)
		}
	}
	return nil
}

// checkAnnounced refuses an address that clients could not use: they get it with MOVED
// and split it at the last colon.
func checkAnnounced(flag, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil && host != "" && !strings.ContainsAny(host, " \r\n\t,@") {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			return nil
		}
	}
	return fmt.Errorf("--%s is %q: use host:port, such as kv-0.example.com:6380", flag, address)
}

// withPort adds a port to an address that has none.
func withPort(address string, port int) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), strconv.Itoa(port))
}

func (f *flags) level() (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(f.logLevel)); err != nil {
		return l, fmt.Errorf("--log-level is %q: use debug, info, warn or error", f.logLevel)
	}
	return l, nil
}

func (f *flags) logger() *slog.Logger {
	level, _ := f.level() // checked
	o := &slog.HandlerOptions{Level: level}
	if f.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}

// memory returns the most bytes that data may take, and makes the garbage
// collector aim at what the container allows.
func (f *flags) memory() (uint64, error) {
	container, err := containerMemory()
	if err != nil {
		return 0, fmt.Errorf("read the container's memory limit: %w", err)
	}
	if container > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(container / 10 * 9))
	}
	switch {
	case f.memoryLimit > 0:
		return uint64(f.memoryLimit), nil
	case f.memoryLimit < 0:
		return 0, nil
	default:
		return container / 4 * 3, nil
	}
}

func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
