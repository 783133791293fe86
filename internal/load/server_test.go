package load

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// server is a small RESP server for GET and SET. The faults that a test plants
// are functions that it calls under the lock, and that may be nil.
type server struct {
	t        *testing.T
	listener net.Listener

	mu    sync.Mutex
	data  map[string]string
	conns map[net.Conn]bool
	// set returns the answer to a SET and whether to keep the value. An empty
	// answer breaks the connection.
	set func(s *server, key, value string) (answer string, keep bool)
	// get returns the value to answer a GET with.
	get func(s *server, key string) (value string, ok bool)
	// getError answers all GETs if it is not empty.
	getError string
}

func startServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, data: make(map[string]string), conns: make(map[net.Conn]bool)}
	s.listen("127.0.0.1:0")
	t.Cleanup(s.stop)
	return s
}

func (s *server) address() string { return s.listener.Addr().String() }

func (s *server) listen(address string) {
	listener, err := net.Listen("tcp", address)
	require.NoError(s.t, err)
	s.listener = listener
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			go s.serve(conn)
		}
	}()
}

// stop closes the listener and all connections, as the end of a process does.
func (s *server) stop() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
	clear(s.conns)
}

// restart listens again on the same address.
func (s *server) restart() { s.listen(s.address()) }

func (s *server) do(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		args, err := readCommand(in)
		if err != nil {
			return
		}
		answer := s.answer(args)
		if answer == "" {
			return
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func (s *server) answer(args []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case args[0] == "SET" && len(args) == 3:
		answer, keep := "+OK\r\n", true
		if s.set != nil {
			answer, keep = s.set(s, args[1], args[2])
		}
		if keep {
			s.data[args[1]] = args[2]
		}
		return answer
	case args[0] == "GET" && len(args) == 2:
		if s.getError != "" {
			return s.getError
		}
		value, ok := s.data[args[1]]
		if s.get != nil {
			value, ok = s.get(s, args[1])
		}
		if !ok {
			return "$-1\r\n"
		}
		return fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
	default:
		return "-ERR unknown command\r\n"
	}
}

func readCommand(in *bufio.Reader) ([]string, error) {
	n, err := readLength(in, '*')
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := readLength(in, '$')
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}

func readLength(in *bufio.Reader, kind byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("%q is no %q", line, kind)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
