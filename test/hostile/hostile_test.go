package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestGarbageOnEveryPort sends random bytes behind what every protocol begins with.
func TestGarbageOnEveryPort(t *testing.T) {
	needNode(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	before := memory(t)
	whileOthersAreServed(t, func() {
		for name, address := range ports() {
			for _, begin := range []string{
				"", "*3\r\n$3\r\nSET\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
				"POST /admin/map HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "POST /kv.v1.KV/Put HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 100000\r\n\r\n",
				"GET /peer/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ringkv-peer\r\nRingkv-Protocol: 1\r\n\r\n",
				"POST /peer/snapshot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
			} {
				conn := dial(t, address)
				b := make([]byte, 100_000)
				for i := range b {
					b[i] = byte(rng.Uint32())
				}
				_, err := conn.Write(append([]byte(begin), b...))
				if err == nil {
					err = conn.(*net.TCPConn).CloseWrite()
				}
				// A node that has seen enough may close at once.
				require.True(t, err == nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ENOTCONN), "%s: %v", name, err)
				_, err = io.Copy(io.Discard, conn)
				require.True(t, err == nil || errors.Is(err, syscall.ECONNRESET), "%s: the connection is not closed: %v", name, err)
				require.NoError(t, conn.Close())
			}
		}
	})
	requireMemoryBelow(t, before, 256<<20)
}

// TestHugeLengths announces what never comes, on many connections at a time.
func TestHugeLengths(t *testing.T) {
	needNode(t)
	before := memory(t)
	whileOthersAreServed(t, func() {
		for _, c := range []struct{ address, text string }{
			{victim.RESP, "*2147483647\r\n"}, {victim.RESP, "*1048576\r\n$1\r\nx\r\n"}, {victim.RESP, "*2\r\n$3\r\nGET\r\n$67108864\r\nx"},
			{victim.RESP, "*9223372036854775807\r\n$"}, {victim.RESP, "*1\r\n$99999999999999999999\r\n"}, {victim.Cluster, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108864\r\n"},
			{victim.HTTP, "POST /kv.v1.KV/Put HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1099511627776\r\n\r\n{"},
			{victim.HTTP, "PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1099511627776\r\n\r\nvalue"},
			{victim.HTTP, "POST /kv.v1.KV/Scan HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\n\r\n\x00\xff\xff\xff\xff"},
			{victim.Peer, "POST /admin/map HTTP/1.1\r\nHost: x\r\nContent-Length: 1099511627776\r\n\r\n{"},
			{victim.Peer, "POST /peer/snapshot HTTP/1.1\r\nHost: x\r\nContent-Length: 1099511627776\r\n\r\n\xff\xff\xff\xff"},
		} {
			for range 50 {
				_, err := io.WriteString(dial(t, c.address), c.text)
				require.NoError(t, err)
			}
		}
		requireMemoryBelow(t, before, 256<<20)
	})
}

// TestHalvesAndSlowWriters leaves requests unfinished on every port, and writes others
// byte by byte.
func TestHalvesAndSlowWriters(t *testing.T) {
	needNode(t)
	before := memory(t)
	request := "*3\r\n$3\r\nSET\r\n$4\r\nslow\r\n$5\r\nvalue\r\n"
	whileOthersAreServed(t, func() {
		for _, address := range ports() {
			for i := range 100 {
				_, err := io.WriteString(dial(t, address), request[:1+i%(len(request)-1)])
				require.NoError(t, err)
				_, err = io.WriteString(dial(t, address), "POST /x HTTP/1.1\r\nHost: x\r\nContent-Le")
				require.NoError(t, err)
			}
		}
		slow := make([]net.Conn, 50)
		for i := range slow {
			slow[i] = dial(t, victim.RESP)
		}
		for i := range request {
			for _, conn := range slow {
				_, err := conn.Write([]byte{request[i]})
				require.NoError(t, err)
			}
		}
		for _, conn := range slow {
			reply := make([]byte, len("+OK\r\n"))
			_, err := io.ReadFull(conn, reply)
			require.NoError(t, err)
			require.Equal(t, "+OK\r\n", string(reply), "slow is not wrong")
		}
	})
	requireMemoryBelow(t, before, 256<<20)
}

// TestSlowReaders asks for eight gigabytes that nobody reads.
func TestSlowReaders(t *testing.T) {
	needNode(t)
	setter := dial(t, victim.RESP)
	value := bytes.Repeat([]byte("v"), 1<<20)
	_, err := fmt.Fprintf(setter, "*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$%d\r\n%s\r\n", len(value), value)
	require.NoError(t, err)
	_, err = io.ReadFull(setter, make([]byte, len("+OK\r\n")))
	require.NoError(t, err)
	before := memory(t)
	whileOthersAreServed(t, func() {
		for range 10 {
			_, err := io.WriteString(dial(t, victim.RESP), strings.Repeat("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n", 400))
			require.NoError(t, err)
			_, err = io.WriteString(dial(t, victim.HTTP), strings.Repeat("GET /v1/keys/large HTTP/1.1\r\nHost: x\r\n\r\n", 400))
			require.NoError(t, err)
		}
		// Others are served for a while, in which memory would grow.
		for range 2000 {
			_, err := io.WriteString(setter, "*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n")
			require.NoError(t, err)
			_, err = io.ReadFull(setter, make([]byte, len("$-1\r\n")))
			require.NoError(t, err)
		}
		requireMemoryBelow(t, before, 1<<30)
	})
}

// TestTenThousandIdleConnections: each costs little, and the next client is served.
func TestTenThousandIdleConnections(t *testing.T) {
	needNode(t)
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur < connections+1000 {
		t.Skipf("the system lets a process have %d open files: raise the limit (ulimit -Hn) to %d", limit.Cur, connections+1000)
	}
	before := memory(t)
	idle := make([]net.Conn, 0, connections)
	defer func() {
		for _, conn := range idle {
			conn.Close()
		}
	}()
	whileOthersAreServed(t, func() {
		for len(idle) < connections {
			conn, err := net.DialTimeout("tcp", victim.RESP, budget)
			require.NoError(t, err, "connection %d", len(idle))
			idle = append(idle, conn)
		}
	})
	// All of them are served, when they ask.
	for i, conn := range idle {
		require.NoError(t, conn.SetDeadline(time.Now().Add(budget)))
		if i%10 == 0 {
			_, err := io.WriteString(conn, "PING\r\n")
			require.NoError(t, err)
			_, err = io.ReadFull(conn, make([]byte, len("+PONG\r\n")))
			require.NoError(t, err, "connection %d", i)
		}
	}
	requireMemoryBelow(t, before, 512<<20)
}
