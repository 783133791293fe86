// Command kvctl works with ringkv clusters of any kind: it runs them on this
// machine, shows and changes them there and in Kubernetes, puts load on them, and
// looks into logs. Under the name kubectl-kv it is a plugin of kubectl.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once: whoever sends it does not want to
	// wait.
	context.AfterFunc(ctx, stop)
	// kubectl runs a plugin under this name.
	s := &session{plugin: strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl-")}
	err := newCommand(s).ExecuteContext(ctx)
	s.close()
	if err != nil && !errors.Is(err, errReported) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.name(), err)
	}
	os.Exit(exitCode(err))
}
