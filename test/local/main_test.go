// Package local tests whole clusters on this machine: the real kvctl with real
// kvnode processes, from outside.
package local

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// binaries is the folder with the programs under test; empty with -short.
var binaries string

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "ringkv-test-local-")
	if err == nil {
		binaries, err = dir, build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) error {
	cmd := exec.Command("go", "build", "-o", dir, "./cmd/kvnode", "./cmd/kvctl")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// budget is the longest that any single wait may take.
const budget = time.Minute

func kvctl() string { return filepath.Join(binaries, "kvctl") }
