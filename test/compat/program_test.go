package compat

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program is a client in another language. It is started with the kind of port, all
// addresses and the prefix, goes through the scenario, prints "ready", and then does
// what it reads:
//
//	set KEY VALUE   ok | error TEXT
//	get KEY         value VALUE | nil | error TEXT
//
// It ends with its input.
type program struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func openProgram(t *testing.T, cmd *exec.Cmd) client {
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &program{cmd: cmd, in: in, out: bufio.NewScanner(out)}
	stuck := time.AfterFunc(budget, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	if !c.out.Scan() || c.out.Text() != "ready" {
		c.close()
		require.Fail(t, "the scenario failed", "%s\n%s", c.out.Text(), &complaints)
	}
	return c
}

func (c *program) ask(line string) (string, error) {
	stuck := time.AfterFunc(budget, func() { _ = c.cmd.Process.Kill() })
	defer stuck.Stop()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		return "", fmt.Errorf("the program has ended: %w", err)
	}
	if !c.out.Scan() {
		return "", errors.New("the program ended without an answer")
	}
	kind, rest, _ := strings.Cut(c.out.Text(), " ")
	if kind == "error" {
		return "", errors.New(rest)
	}
	return rest, nil
}

func (c *program) set(key, value string) error {
	_, err := c.ask("set " + key + " " + value)
	return err
}

func (c *program) get(key string) (string, error) { return c.ask("get " + key) }

func (c *program) close() {
	_ = c.in.Close()
	stuck := time.AfterFunc(5*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer stuck.Stop()
	_ = c.cmd.Wait()
}

// python runs redis-py. Debian's interpreter is the one that has its package.
func python(mode string) func(*testing.T, []string, string) client {
	return func(t *testing.T, addresses []string, prefix string) client {
		const interpreter = "/usr/bin/python3"
		if exec.Command(interpreter, "-c", "import redis").Run() != nil {
			missing(t, "redis-py is not installed (Debian package python3-redis)")
		}
		return openProgram(t, exec.Command(interpreter, "clients/redis-py.py", mode, strings.Join(addresses, ","), prefix))
	}
}

// node runs a script with the packages of js/package-lock.json.
func node(script, mode string) func(*testing.T, []string, string) client {
	return func(t *testing.T, addresses []string, prefix string) client {
		root, err := filepath.Abs("../../build/compat")
		require.NoError(t, err)
		if _, err := os.Stat(filepath.Join(root, "node_modules")); err != nil {
			missing(t, "the npm packages are not installed: run `make compat-packages`")
		}
		interpreter, err := exec.LookPath("node")
		if err != nil {
			missing(t, "node is not installed (Debian package nodejs)")
		}
		source, err := os.ReadFile(filepath.Join("js", script))
		require.NoError(t, err)
		// Imports are looked for from where the script is.
		copied := filepath.Join(root, mode+"-"+script)
		require.NoError(t, os.WriteFile(copied, source, 0o600))
		serve, err := os.ReadFile(filepath.Join("js", "serve.js"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, "serve.js"), serve, 0o600))
		return openProgram(t, exec.Command(interpreter, copied, mode, strings.Join(addresses, ","), prefix))
	}
}

// openHiredis compiles a program with hiredis.
func openHiredis(t *testing.T, addresses []string, prefix string) client {
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		missing(t, "gcc is not installed")
	}
	binary := filepath.Join(t.TempDir(), "hiredis")
	if _, err := os.Stat("/usr/include/hiredis/hiredis.h"); err != nil {
		missing(t, "hiredis is not installed (Debian package libhiredis-dev)")
	}
	out, err := exec.Command(compiler, "-Wall", "-Werror", "-o", binary, "clients/hiredis.c", "-lhiredis").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return openProgram(t, exec.Command(binary, "plain", strings.Join(addresses, ","), prefix))
}
