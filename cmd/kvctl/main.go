// Command kvctl runs local ringkv clusters, puts checking load on clusters of any
// kind, and looks into logs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once: whoever sends it does not want to
	// wait.
	context.AfterFunc(ctx, stop)
	err := newCommand().ExecuteContext(ctx)
	if err == nil {
		return
	}
	if !errors.Is(err, errReported) {
		fmt.Fprintln(os.Stderr, "kvctl:", err)
	}
	os.Exit(1)
}

// errReported ends the process with exit code 1 when everything there is to say
// has been printed.
var errReported = errors.New("already reported")
