package respclient

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answering is a server that sends answer once it has read a whole command.
func answering(t *testing.T, answer string) *Conn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		var command Reply // a command is an array of bulk strings
		if command.read(in) == nil {
			_, _ = io.WriteString(conn, answer)
			_, _ = io.Copy(io.Discard, conn) // until the client has gone
		}
	}()
	c, err := Dial(t.Context(), listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestEveryReplyOfRESP2IsUnderstood(t *testing.T) {
	for answer, want := range map[string]string{
		"+OK\r\n":                             "OK\n",
		":-12\r\n":                            "(integer) -12\n",
		"$5\r\na\r\nb\x00\r\n":                "\"a\\r\\nb\\x00\"\n",
		"$0\r\n\r\n":                          "\"\"\n",
		"$-1\r\n":                             "(nil)\n",
		"*-1\r\n":                             "(nil)\n",
		"*0\r\n":                              "(empty array)\n",
		"*2\r\n*2\r\n:1\r\n+x\r\n$1\r\ny\r\n": "1) 1) (integer) 1\n   2) x\n2) \"y\"\n",
	} {
		reply, err := answering(t, answer).Do(t.Context(), "GET", "k")
		require.NoError(t, err, "%q", answer)
		var b strings.Builder
		reply.Format(&b)
		require.Equal(t, want, b.String(), "%q", answer)
	}
}

func TestAnErrorReplyIsAnErrorWithItsKind(t *testing.T) {
	_, err := answering(t, "-CLUSTERDOWN no leader\r\n").Do(t.Context(), "GET", "k")
	var server ServerError
	require.ErrorAs(t, err, &server)
	require.Equal(t, "CLUSTERDOWN", server.Prefix())
	require.EqualError(t, err, "CLUSTERDOWN no leader")
}

func TestWhatIsNoRedisServerIsFoundOut(t *testing.T) {
	for _, answer := range []string{"HTTP/1.1 400 Bad Request\r\n", "$x\r\n", "$-2\r\n", "$3\r\nabcde", "*9999999999\r\n", "\r\n", "+OK\n"} {
		_, err := answering(t, answer).Do(t.Context(), "GET", "k")
		require.ErrorIs(t, err, ErrProtocol, "%q", answer)
	}
}

func TestTheContextEndsTheWaitForAnAnswer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := answering(t, "").Do(ctx, "GET", "k")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
