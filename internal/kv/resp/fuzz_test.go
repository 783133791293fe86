package resp

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// scripted is a client that has sent all it will ever send.
type scripted struct {
	net.Conn // for what is not used
	in       *bytes.Reader
	out      bytes.Buffer
}

func (s *scripted) Read(b []byte) (int, error)     { return s.in.Read(b) }
func (s *scripted) Write(b []byte) (int, error)    { return s.out.Write(b) }
func (*scripted) Close() error                     { return nil }
func (*scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*scripted) SetReadDeadline(time.Time) error  { return nil }
func (*scripted) SetWriteDeadline(time.Time) error { return nil }

// FuzzServer sends any bytes. Whatever comes, what goes back is well-formed, and the
// connection ends when the client's does.
func FuzzServer(f *testing.F) {
	for _, input := range []string{
		"MULTI\r\nSET k 1\r\nINCR k\r\nEXEC\r\nGET k\r\n", "WATCH a b\r\nMULTI\r\nHELLO 3\r\nGET a\r\nPING\r\nEXEC\r\nUNWATCH\r\n",
		"*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nEXEC\r\n", "MULTI\r\nNOPE\r\nEXEC x\r\nDISCARD\r\nRESET\r\n",
		"echo \"a\\x41\" 'b'\r\nHELLO 3\r\nCLIENT LIST\r\nCOMMAND DOCS get\r\n", "CLIENT REPLY SKIP\r\nPING\r\nMULTI\r\nCLIENT REPLY OFF\r\nEXEC\r\n",
		"SLOWLOG GET\r\nLATENCY HISTOGRAM\r\nACL GETUSER default\r\nINFO all\r\nCONFIG GET *\r\nWAIT 1 0\r\n", "QUIT\r\nPING\r\n", "*1\r\n$x\r\n",
	} {
		f.Add([]byte(input))
	}
	server := New(Options{Backend: newFake(), MaxBulkBytes: 1 << 16})
	f.Fuzz(func(t *testing.T, input []byte) {
		for _, word := range []string{"pause", "range", "setbit", "bitfield", "bitop", "kill", "config", "sleep"} {
			if strings.Contains(strings.ToLower(string(input)), word) {
				return // they concern others, or take time or half a gigabyte
			}
		}
		client := &scripted{in: bytes.NewReader(input)}
		newConn(server, client).serve()
		all := client.out.Bytes()
		for rest := all; len(rest) > 0; {
			size, ok := command.ReplySize(rest)
			require.True(t, ok, "%q", rest)
			rest = rest[size:]
		}
	})
}
