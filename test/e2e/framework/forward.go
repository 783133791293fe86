package framework

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

var forwarding = regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+) ->`)

// PortForward is `kubectl port-forward` to a port of something in the suite's
// namespace. It returns the address on this side, and a function that ends it.
func (e *Environment) PortForward(ctx context.Context, what string, port int) (string, func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, e.kubectl, "--namespace", Namespace, "port-forward", what, ":"+strconv.Itoa(port))
	cmd.Env = append(os.Environ(), "KUBECONFIG="+e.kubeconfig)
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return "", nil, fmt.Errorf("port-forward to %s: %w", what, err)
	}
	stop := func() {
		cancel()
		_ = cmd.Wait() // it was killed
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if match := forwarding.FindStringSubmatch(lines.Text()); match != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }() // it says a line for every connection
			return match[1], stop, nil
		}
	}
	stop()
	return "", nil, fmt.Errorf("port-forward to %s ended before it began", what)
}
