package local

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/ringkv/ringkv/internal/localcluster"
)

// program is a process that is not started again by anybody.
type program struct {
	t    *testing.T
	name string
	args []string
	cmd  *exec.Cmd
	out  *bufio.Reader
	log  bytes.Buffer
}

func (p *program) start() {
	p.t.Helper()
	p.cmd = exec.Command(filepath.Join(binaries, p.name), p.args...)
	p.cmd.Stderr = &p.log
	out, err := p.cmd.StdoutPipe()
	require.NoError(p.t, err)
	p.out = bufio.NewReader(out)
	require.NoError(p.t, p.cmd.Start())
	cmd := p.cmd
	p.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
}

// stop ends the program as Docker does.
func (p *program) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(p.t, p.cmd.Wait(), "%s", &p.log)
}

// composed is the cluster of compose.yaml with processes in place of containers:
// three nodes, and a coordinator that did not start them.
type composed struct {
	*cluster
	nodes       []*program
	coordinator *program
}

func newComposed(t *testing.T, nodes int) *composed {
	t.Helper()
	if testing.Short() {
		t.Skip("needs real processes and some seconds")
	}
	base, err := localcluster.FreePort(nodes)
	require.NoError(t, err)
	c := &composed{cluster: &cluster{t: t, dir: filepath.Join(t.TempDir(), "coordinator"), port: base}}
	var seeds []string
	for i := range nodes {
		name, at := fmt.Sprintf("n%d", i+1), base+10*i
		port := func(offset int) string { return strconv.Itoa(at + offset) }
		c.nodes = append(c.nodes, &program{t: t, name: "kvnode", args: []string{
			"--name", name, "--dir", filepath.Join(t.TempDir(), name), "--bind", "127.0.0.1", "--drain-timeout", "1s",
			"--resp-port", port(0), "--peer-port", port(1), "--metrics-port", port(2), "--http-port", port(3), "--cluster-port", port(4),
		}})
		if i < 3 {
			seeds = append(seeds, name+"=127.0.0.1:"+port(1))
		}
	}
	c.coordinator = &program{t: t, name: "kvctl", args: []string{"coordinate", "--dir", c.dir, "--seeds", strings.Join(seeds, ",")}}
	return c
}

// ready waits for the line that says so.
func (c *composed) ready() {
	c.t.Helper()
	lines := make(chan string, 1)
	go func() {
		line, _ := c.coordinator.out.ReadString('\n')
		lines <- line
	}()
	select {
	case line := <-lines:
		var ready struct{ Ready bool }
		require.NoError(c.t, json.Unmarshal([]byte(line), &ready), "%q", line)
		require.True(c.t, ready.Ready)
	case <-time.After(budget):
		require.Fail(c.t, "not ready")
	}
}

func TestNodesThatSomebodyElseRunsAreCoordinated(t *testing.T) {
	c := newComposed(t, 4)
	c.coordinator.start() // in any order
	for _, n := range c.nodes[:3] {
		n.start()
	}
	c.ready()
	require.Contains(t, c.must("put", "apple", "123"), "-> ok, version 1 (leader)")
	require.Contains(t, c.must("status"), "3 of 3 nodes up")
	c.must("doctor")
	require.Contains(t, c.must("top", "--interval", "1ms", "-o", "json"), `"rates": {`, "the nodes say where their metrics are")

	// The coordinator is not needed to serve, and finds all as it was.
	c.coordinator.stop()
	redis := c.redis(fmt.Sprintf("127.0.0.1:%d", c.port))
	require.NoError(t, redis.Set(t.Context(), "pear", "4", 0).Err())
	for _, n := range c.nodes[:3] { // everything stops, and comes back
		n.stop()
	}
	for _, n := range c.nodes[:3] {
		n.start()
	}
	c.coordinator.start()
	c.ready()
	require.Equal(t, "apple -> 123\n", c.must("get", "apple"))
	require.Equal(t, "pear -> 4\n", c.must("get", "pear"))

	c.nodes[3].start()
	out, err := c.kvctl("addnode", "n4")
	require.Error(t, err)
	require.Contains(t, out, "say where its peer port is")
	c.must("addnode", "n4", fmt.Sprintf("127.0.0.1:%d", c.port+31))
	require.NotZero(t, c.status().Node("n4").Replicas)
	c.must("removenode", "n1")
	require.Nil(t, c.status().Node("n1"))
	require.NoError(t, c.nodes[0].cmd.Process.Signal(syscall.Signal(0)), "the process is not the coordinator's to stop")
	require.Equal(t, "apple -> 123\n", c.must("get", "apple"))

	_, err = c.kvctl("local")
	require.Error(t, err, "a coordinator has the folder")
	c.coordinator.stop()
	out, err = c.kvctl("local")
	require.Error(t, err)
	require.Contains(t, out, "run it with kvctl coordinate")
	for _, n := range c.nodes {
		n.stop()
	}
}

// TestComposeStartsWhatItSays checks compose.yaml against the programs: that the
// parts fit together, and that they know the flags.
func TestComposeStartsWhatItSays(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the programs")
	}
	content, err := os.ReadFile(filepath.Join("..", "..", "compose.yaml"))
	require.NoError(t, err)
	var file struct {
		Services map[string]struct {
			Image, Build, User, Restart string
			Command, Volumes, Ports     []string
			CapDrop                     []string `json:"cap_drop"`
			Healthcheck                 struct{ Test []string }
		}
		Volumes map[string]any
	}
	require.NoError(t, yaml.Unmarshal(content, &file))
	require.Len(t, file.Services, 4)
	published := map[string]bool{}
	for name, service := range file.Services {
		require.Equal(t, "unless-stopped", service.Restart, name)
		require.Equal(t, ".", service.Build, name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Equal(t, []string{name + ":/data"}, service.Volumes, "its own named volume")
		require.Contains(t, file.Volumes, name)
		require.Contains(t, service.Command, "--dir=/data")
		for _, port := range service.Ports {
			require.Regexp(t, `^127\.0\.0\.1:\d+:\d+$`, port, "published to this machine only")
			local := strings.Split(port, ":")[1]
			require.False(t, published[local], "port %s is published twice", local)
			published[local] = true
		}
		// The help is printed after all flags were understood.
		words := append([]string{}, service.Command[1:]...)
		out, err := exec.Command(filepath.Join(binaries, filepath.Base(service.Command[0])), append(words, "--help")...).CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
		if name != "coordinator" {
			require.Contains(t, service.Command, "--name="+name)
			require.Contains(t, service.Command, "--advertise-host="+name)
		}
	}
	coordinator := file.Services["coordinator"]
	require.Contains(t, coordinator.Command, "--seeds=n1:7000,n2:7000,n3:7000", "the names and the peer port of the nodes")
	require.Equal(t, "/kvctl", coordinator.Healthcheck.Test[1])
	require.True(t, published["6379"], "redis-cli finds a node without being told where")
}
