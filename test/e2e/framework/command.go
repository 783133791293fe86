package framework

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/onsi/ginkgo/v2"
)

// Kubectl runs kubectl and returns what it printed on both outputs. The error
// repeats it.
func (e *Environment) Kubectl(ctx context.Context, args ...string) (string, error) {
	return e.run(ctx, e.kubectl, args...)
}

// Helm runs helm as Kubectl runs kubectl.
func (e *Environment) Helm(ctx context.Context, args ...string) (string, error) {
	return e.run(ctx, e.helm, args...)
}

// Kvctl runs the kvctl that `make build` made with the image, as Kubectl runs kubectl.
func (e *Environment) Kvctl(ctx context.Context, args ...string) (string, error) {
	return e.run(ctx, filepath.Join(e.Root, "bin", "kvctl"), args...)
}

// OnNode runs a command inside the container that is a Kubernetes node.
func (e *Environment) OnNode(ctx context.Context, node string, command ...string) (string, error) {
	return e.run(ctx, e.docker, append([]string{"exec", node}, command...)...)
}

func (e *Environment) run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+e.kubeconfig)
	cmd.Dir = e.Root
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, text)
	}
	return text, nil
}

// Say prints a step of a scenario, with its time in ginkgo's report.
func Say(format string, args ...any) {
	ginkgo.GinkgoHelper()
	ginkgo.By(fmt.Sprintf(format, args...))
}
