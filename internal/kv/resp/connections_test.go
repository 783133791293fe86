package resp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const serveVariable = "RINGKV_TEST_SERVE"

// measured is a backend that tells the process's memory.
type measured struct{ *fake }

func (measured) Info() []InfoSection {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return []InfoSection{{"Memory", []InfoField{number("used_memory", m.HeapInuse+m.StackInuse)}}}
}

// TestServeAlone is the server of the test below, in a process of its own: both ends
// of so many connections would be more files than one process may open.
func TestServeAlone(t *testing.T) {
	if os.Getenv(serveVariable) == "" {
		t.Skip("it is run by TestTenThousandIdleClientsCostLittle")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := New(Options{Backend: measured{newFake()}})
	go s.Serve(l) //nolint:errcheck // ends with the process
	fmt.Println("address", l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test that started it ends
}

// A node serves 10,000 clients that are silent, and others that are not, and the
// silent ones cost little.
func TestTenThousandIdleClientsCostLittle(t *testing.T) {
	const clients = 10_000
	if most, limited := mostConnections(); limited && most < clients {
		t.Skipf("the limit of open files allows %d connections, the test needs %d: raise it (ulimit -n)", most, clients)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestServeAlone$")
	server.Env = append(os.Environ(), serveVariable+"=1")
	stdin, err := server.StdinPipe()
	require.NoError(t, err)
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	defer func() {
		stdin.Close()
		require.NoError(t, server.Wait())
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	address := strings.TrimSpace(strings.TrimPrefix(line, "address "))

	busy := dial(t, address)
	used := func() int {
		found := regexp.MustCompile(`used_memory:(\d+)`).FindStringSubmatch(busy.ask("INFO memory"))
		require.NotNil(t, found)
		n, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		return n
	}
	before := used()
	idle := make([]net.Conn, clients-1)
	for i := range idle {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "*1\r\n$4\r\nPING\r\n")
		require.NoError(t, err)
		idle[i] = conn
	}
	pong := make([]byte, 7)
	for _, conn := range idle {
		_, err := io.ReadFull(conn, pong)
		require.NoError(t, err)
		require.Equal(t, "+PONG\r\n", string(pong))
	}
	require.Contains(t, busy.ask("INFO clients"), "connected_clients:10000\r\n")
	dial(t, address).expect("-ERR max number of clients reached\r\n")
	each := (used() - before) / clients
	t.Logf("%d bytes for each idle client", each)
	require.Less(t, each, 32<<10)
	for i := range 1000 {
		busy.do(fmt.Sprintf("SET k%d v", i), "+OK\r\n")
	}
}
