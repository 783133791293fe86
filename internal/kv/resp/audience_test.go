package resp

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/node"
)

// testTLS returns a configuration of servers with a certificate for 127.0.0.1, and one
// of clients that trust it.
func testTLS(t *testing.T) (server, client *tls.Config) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	authorities := x509.NewCertPool()
	authorities.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: authorities}
}

func dialTLS(t *testing.T, address string, config *tls.Config) *client {
	conn, err := tls.Dial("tcp", address, config)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn, in: bufio.NewReader(conn)}
}

func TestClientsSeeTheAddressesAndPortsOfTheListenerTheyCameTo(t *testing.T) {
	cluster := threeNodes()
	wider := *cluster.topology.Load()
	wider.Nodes = append([]node.Endpoint(nil), wider.Nodes...)
	for i := range wider.Nodes {
		e := &wider.Nodes[i]
		e.At[command.InsideTLS] = node.Address{Host: e.At[command.Inside].Host, Port: 6390}
		e.At[command.Outside] = node.Address{Host: fmt.Sprintf("kv-%d.example.com", i), Port: 443}
	}
	cluster.topology.Store(&wider)
	secure, trusting := testTLS(t)
	s, _ := start(t, newFake(), Options{Cluster: cluster})
	inside := dial(t, serveCluster(t, s, command.Inside, nil))
	insideTLS := dialTLS(t, serveCluster(t, s, command.InsideTLS, secure), trusting)
	outside := dial(t, serveCluster(t, s, command.Outside, nil))
	outsideTLS := dialTLS(t, serveCluster(t, s, command.Outside, secure), trusting)

	for _, x := range []struct {
		*client
		host, port, ports string
	}{
		{inside, "kv-1.kv", "6380", "$4\r\nport\r\n:6380\r\n$8\r\ntls-port\r\n:6390\r\n"},
		{insideTLS, "kv-1.kv", "6390", "$4\r\nport\r\n:6380\r\n$8\r\ntls-port\r\n:6390\r\n"},
		{outside, "kv-1.example.com", "443", "$4\r\nport\r\n:443\r\n"},
		{outsideTLS, "kv-1.example.com", "443", "$8\r\ntls-port\r\n:443\r\n"},
		{inside, "kv-1.kv", "6380", ""}, // replies are kept for each
	} {
		ask := func(line string) string {
			x.send(line + "\r\n")
			reply, err := readReply(x.in, false)
			require.NoError(t, err)
			return reply
		}
		require.Contains(t, ask("CLUSTER SLOTS"), bulkOf(x.host)+":"+x.port+"\r\n"+bulkOf(secondID))
		require.Contains(t, ask("CLUSTER NODES"), secondID+" "+x.host+":"+x.port+"@7000 ")
		require.Contains(t, ask("CLUSTER SHARDS"), bulkOf(secondID)+"$8\r\nendpoint\r\n"+bulkOf(x.host))
		require.Contains(t, ask("CLUSTER SHARDS"), x.ports+"$18\r\nreplication-offset\r\n")
		require.Equal(t, "+OK\r\n", ask("MULTI"))
		require.Equal(t, "-MOVED 100 "+x.host+":"+x.port+"\r\n", ask("GET "+keyOfSlot(100)))
		require.Equal(t, "+OK\r\n", ask("DISCARD"))
	}
}

func TestGoRedisWithTLS(t *testing.T) {
	secure, trusting := testTLS(t)
	s, _ := start(t, newFake(), Options{})
	c := redis.NewClient(&redis.Options{Addr: serveMore(t, s, secure, s.Serve), TLSConfig: trusting})
	defer c.Close()
	value := make([]byte, 3<<20)
	require.NoError(t, c.Set(t.Context(), "k", value, 0).Err())
	got, err := c.Get(t.Context(), "k").Bytes()
	require.NoError(t, err)
	require.Equal(t, value, got)

	// Who does not speak TLS is cut off, and the server goes on.
	plain := dial(t, c.Options().Addr)
	plain.send("PING\r\n")
	_, err = plain.in.ReadString('\n')
	require.Error(t, err)
	require.NoError(t, c.Ping(t.Context()).Err())
}
