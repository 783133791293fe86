// Package compat tests that the clients people use work with ringkv: the real
// programs and libraries against a local cluster of real kvnode processes, on the
// plain port and on the cluster port, at rest and while nodes die.
package compat

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringkv/ringkv/internal/certificate"
	"github.com/ringkv/ringkv/internal/certificate/certtest"
	"github.com/ringkv/ringkv/internal/localcluster"
)

// budget is the longest that any single wait may take.
const budget = time.Minute

// downtime is how long a node that was ended stays away: longer than an election, so
// that clients must do without it.
const downtime = 2 * time.Second

// nodes is the cluster that all tests share; nil with -short.
var nodes *localcluster.Cluster

// authority has signed the certificate of all nodes, files holds its own.
var (
	authority *certtest.Authority
	files     certificate.Files
)

// port is a kind of client port.
type port string

const (
	plain     port = "plain"
	clustered port = "cluster"
)

// addresses are those of all nodes.
func (p port) addresses() (out []string) {
	for _, n := range nodes.Status(context.Background()).Nodes {
		if p == plain {
			out = append(out, n.RESP)
		} else {
			out = append(out, n.Cluster)
		}
	}
	return out
}

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run())
	}
	code, err := withCluster(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withCluster runs fn while there is a cluster.
func withCluster(fn func() int) (int, error) {
	dir, err := os.MkdirTemp("", "ringkv-test-compat-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "kvnode")
	build := exec.Command("go", "build", "-o", binary, "./cmd/kvnode")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", build, err, out)
	}
	if authority, err = certtest.NewAuthority(); err != nil {
		return 0, err
	}
	if files, err = authority.Write(dir, "node", "127.0.0.1", "localhost"); err != nil {
		return 0, err
	}
	first, err := localcluster.FreePort(3)
	if err != nil {
		return 0, err
	}
	c, err := localcluster.Open(localcluster.Options{
		Nodes: 3, Dir: filepath.Join(dir, "cluster"), Port: first, Binary: binary, RestartDelay: downtime,
		NodeFlags: []string{
			"--tls-cert-file", files.Cert, "--tls-key-file", files.Key, "--resp-tls-port", "0", "--cluster-tls-port", "0",
			"--announce-outside", "localhost", "--outside-port", "0",
		},
	})
	if err != nil {
		return 0, err
	}
	nodes = c
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	if err = waitReady(); err != nil {
		cancel()
		return 0, errors.Join(err, <-ended)
	}
	code := fn()
	cancel()
	if err = <-ended; err == nil {
		err = c.Close()
	}
	return code, err
}

// waitReady waits until all nodes serve.
func waitReady() error {
	for end := time.Now().Add(budget); ; {
		s := nodes.Status(context.Background())
		switch {
		case s.Ready():
			return nil
		case time.Now().After(end):
			return fmt.Errorf("the cluster is not ready after %s: %+v", budget, s)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}
