package resp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// client is a connection that is spoken to in bytes.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func dial(t testing.TB, address string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) send(s string) {
	c.t.Helper()
	_, err := io.WriteString(c.conn, s)
	require.NoError(c.t, err)
}

// sendBeside sends while the test goes on; the server need not take all of it.
func (c *client) sendBeside(s string) {
	go func() { _, _ = io.WriteString(c.conn, s) }()
}

func (c *client) expect(want string) {
	c.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c.in, got)
	require.Equal(c.t, want, string(got[:n]), "error: %v", err)
}

func (c *client) do(line, want string) {
	c.t.Helper()
	c.send(line + "\r\n")
	c.expect(want)
}

func (c *client) expectClosed() {
	c.t.Helper()
	rest, err := io.ReadAll(c.in)
	require.Empty(c.t, string(rest))
	if err != nil {
		require.NotErrorIs(c.t, err, context.DeadlineExceeded)
	}
}

func TestRepliesComeInOrder(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	var in, want strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&in, "SET k%d v%d\r\nGET k%d\r\nPING %d\r\nNOPE\r\n", i%7, i, i%7, i)
		v, n := fmt.Sprintf("v%d", i), fmt.Sprint(i)
		fmt.Fprintf(&want, "+OK\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n-ERR unknown command 'NOPE', with args beginning with: \r\n", len(v), v, len(n), n)
	}
	c.sendBeside(in.String())
	c.expect(want.String())
}

// lazy completes calls later, in any order, except that writes to a key keep theirs.
type lazy struct {
	*fake
	inFlight atomic.Int32
	together atomic.Int32 // the most calls of one Submit
}

func (l *lazy) Submit(calls []*command.Call) {
	if n := int32(len(calls)); n > l.together.Load() {
		l.together.Store(n)
	}
	l.inFlight.Add(int32(len(calls)))
	byKey := map[string][]*command.Call{}
	for _, c := range calls {
		k := ""
		if len(c.Args) > 1 {
			k = string(c.Args[1])
		}
		byKey[k] = append(byKey[k], c)
	}
	for _, group := range byKey {
		go func() {
			for _, c := range group {
				l.inFlight.Add(-1)
				l.run(c)
			}
		}()
	}
}

func TestACommandSeesThoseBeforeItAndNoneAfterIt(t *testing.T) {
	l := &lazy{fake: newFake()}
	_, address := start(t, l, Options{})
	c := dial(t, address)
	for round := range 50 {
		var in, want strings.Builder
		for i := range 20 {
			k := fmt.Sprintf("r%dk%d", round, i%10)
			fmt.Fprintf(&in, "GET %s\r\n", k)
			if i < 10 {
				want.WriteString("$-1\r\n")
			} else {
				want.WriteString("$1\r\n2\r\n")
			}
			fmt.Fprintf(&in, "SET %s 1\r\nINCR %s\r\nMGET %s\r\n", k, k, k)
			want.WriteString("+OK\r\n:2\r\n*1\r\n$1\r\n2\r\n")
		}
		in.WriteString("DBSIZE\r\nFLUSHALL\r\nDBSIZE\r\n")
		want.WriteString(":10\r\n+OK\r\n:0\r\n")
		c.send(in.String())
		c.expect(want.String())
	}
	var in, want strings.Builder
	for i := range 500 {
		fmt.Fprintf(&in, "SET key%d v\r\n", i)
		want.WriteString("+OK\r\n")
	}
	c.send(in.String())
	c.expect(want.String())
	require.Greater(t, l.together.Load(), int32(20), "commands on different keys run together")
	require.Zero(t, l.inFlight.Load())
}

func TestEarlyRepliesDoNotWaitForLateOnes(t *testing.T) {
	f := newFake()
	release := make(chan struct{})
	b := &stalling{fake: f, stall: "slow", release: release}
	_, address := start(t, b, Options{})
	c := dial(t, address)
	c.send("SET fast 1\r\nSET slow 1\r\nSET fast 2\r\n")
	c.expect("+OK\r\n")
	close(release)
	c.expect("+OK\r\n+OK\r\n")

	c.send("SET x 1\r\nGET x\r\nPING\r\n")
	c.expect("+OK\r\n$1\r\n1\r\n+PONG\r\n")
}

// stalling completes calls on one key only when it is released.
type stalling struct {
	*fake
	stall   string
	stalled chan struct{} // told when it stalls, if somebody listens
	release chan struct{}
}

func (s *stalling) Submit(calls []*command.Call) {
	for _, c := range calls {
		if len(c.Args) > 1 && string(c.Args[1]) == s.stall {
			select {
			case s.stalled <- struct{}{}:
			default:
			}
			go func() {
				<-s.release
				s.run(c)
			}()
			continue
		}
		s.run(c)
	}
}

func TestConnectionCommands(t *testing.T) {
	_, address := start(t, newFake(), Options{Version: "test"})
	c := dial(t, address)
	c.do("PING", "+PONG\r\n")
	c.do("ping hi", "$2\r\nhi\r\n")
	c.do("PING a b", "-ERR wrong number of arguments for 'ping' command\r\n")
	c.do("ECHO x", "$1\r\nx\r\n")
	c.do("SELECT 0", "+OK\r\n")
	c.do("SELECT 1", "-ERR DB index is out of range\r\n")
	c.do("SELECT x", "-ERR value is not an integer or out of range\r\n")
	c.do("AUTH x", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n")
	c.do("AUTH default x", "+OK\r\n")
	c.do("AUTH joe x", "-WRONGPASS invalid username-password pair or user is disabled.\r\n")
	c.do("HELLO 4", "-NOPROTO unsupported protocol version\r\n")
	c.do("HELLO x", "-ERR Protocol version is not an integer or out of range\r\n")
	c.do("HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'\r\n")
	c.do("CLIENT GETNAME", "$-1\r\n")
	c.do("HELLO 3 AUTH default x SETNAME me", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.0\r\n"+
		"$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n")
	c.do("GET missing", "_\r\n")
	c.do("CLIENT GETNAME", "$2\r\nme\r\n")
	c.do("CLIENT ID", ":1\r\n")
	c.do("CLIENT SETNAME 'a b'", "-ERR Client names cannot contain spaces, newlines or special characters.\r\n")
	c.do("CLIENT SETINFO LIB-NAME x", "+OK\r\n")
	c.do("CLIENT SETINFO lib-ver 'x y'", "-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n")
	c.do("CLIENT SETINFO foo x", "-ERR Unrecognized option 'foo'\r\n")
	c.do("CLIENT NO-EVICT ON", "+OK\r\n")
	c.do("CLIENT NO-TOUCH maybe", "-ERR syntax error\r\n")
	c.do("CONFIG GET maxmem* timeout", "%3\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n$7\r\ntimeout\r\n$1\r\n0\r\n")
	c.do("CONFIG SET timeout 100 maxclients 50", "+OK\r\n")
	c.do("CONFIG GET timeout", "%1\r\n$7\r\ntimeout\r\n$3\r\n100\r\n")
	c.do("CONFIG SET save x", "-ERR CONFIG SET failed (possibly related to argument 'save') - can't set immutable config\r\n")
	c.do("CONFIG SET foo x", "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n")
	c.do("COMMAND GETKEYS MSET a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n")
	c.do("COMMAND GETKEYS PING", "-ERR The command has no key arguments\r\n")
	c.do("COMMAND GETKEYS FOO", "-ERR Invalid command specified\r\n")
	c.do("COMMAND INFO get", "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n~3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n"+
		"*1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n"+
		"$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n")
	c.do("COMMAND LIST FILTERBY PATTERN mge*", "*1\r\n$4\r\nmget\r\n")
	c.do("ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")
	c.do("RESET", "+RESET\r\n")
	c.do("GET missing", "$-1\r\n")
	c.do("CLIENT GETNAME", "$-1\r\n")
	c.do("CLIENT REPLY SKIP", "")
	c.do("PING", "")
	c.do("PING a", "$1\r\na\r\n")
	c.do("CLIENT REPLY OFF", "")
	c.do("PING", "")
	c.do("SET k v", "")
	c.do("CLIENT REPLY ON", "+OK\r\n")
	c.do("GET k", "$1\r\nv\r\n")
	c.send("PING\r\nQUIT\r\nPING\r\n")
	c.expect("+PONG\r\n+OK\r\n")
	c.expectClosed()
}

func TestViolationsOfTheProtocolAreAnsweredAndEndTheConnection(t *testing.T) {
	s, address := start(t, newFake(), Options{MaxBulkBytes: 1000})
	c := dial(t, address)
	// The client goes on sending what the server will not read.
	c.sendBeside("PING\r\n*2\r\n$3\r\nGET\r\n$1001\r\n" + strings.Repeat("x", 500_000))
	c.expect("+PONG\r\n-ERR Protocol error: invalid bulk length\r\n")
	c.expectClosed()
	require.EqualValues(t, 1, s.stats.protocolErrors.Load())
}

func TestConnectionsAreLimited(t *testing.T) {
	s, address := start(t, newFake(), Options{MaxConnections: 2})
	a, b := dial(t, address), dial(t, address)
	a.do("PING", "+PONG\r\n")
	b.do("PING", "+PONG\r\n")
	c := dial(t, address)
	c.expect("-ERR max number of clients reached\r\n")
	c.expectClosed()
	require.EqualValues(t, 1, s.stats.rejected.Load())
	a.conn.Close()
	require.Eventually(t, func() bool { return len(s.connections()) == 1 }, 10*time.Second, time.Millisecond)
	dial(t, address).do("PING", "+PONG\r\n")
}

func TestSilentClientsAreClosed(t *testing.T) {
	_, address := start(t, newFake(), Options{IdleTimeout: 2 * time.Second})
	c := dial(t, address)
	c.do("PING", "+PONG\r\n")
	c.expectClosed()
}

func TestClientsThatDoNotReadAreCutOff(t *testing.T) {
	f := newFake()
	s, address := start(t, f, Options{WriteTimeout: 300 * time.Millisecond})
	f.store.Set([]byte("big"), make([]byte, 1<<20), 0)
	c := dial(t, address)
	c.sendBeside(strings.Repeat("GET big\r\n", 1000))
	require.Eventually(t, func() bool { return s.stats.totals().bytesOut > 0 && len(s.connections()) == 0 }, time.Minute, 10*time.Millisecond)
}

func TestOwedRepliesAreLimited(t *testing.T) {
	f := newFake()
	s, address := start(t, f, Options{MaxOutputBytes: 10 << 20})
	f.store.Set([]byte("big"), make([]byte, 1<<20), 0)
	c := dial(t, address)
	c.send(strings.Repeat("GET big\r\n", 400))
	n, _ := io.Copy(io.Discard, c.in)
	require.LessOrEqual(t, n, int64(11<<20))
	require.EqualValues(t, 1, s.stats.outputLimit.Load())
}

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	f := newFake()
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.before = func(*command.Call) { once.Do(func() { close(entered); <-release }) }
	s := New(Options{Backend: f})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	idle, busy := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	idle.do("PING", "+PONG\r\n")
	busy.send("SET k v\r\nGET k\r\n")
	<-entered

	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	idle.expectClosed()
	require.NoError(t, <-served)
	select {
	case err := <-down:
		t.Fatal(err, "did not wait for the command in flight")
	default:
	}
	close(release)
	busy.expect("+OK\r\n$1\r\nv\r\n")
	busy.expectClosed()
	require.NoError(t, <-down)
	require.NoError(t, s.Serve(l), "a server that was shut down serves no more")
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	b := &stalling{fake: newFake(), stall: "k", release: make(chan struct{})}
	s := New(Options{Backend: b})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c := dial(t, l.Addr().String())
	c.do("PING", "+PONG\r\n")
	c.send("GET k\r\n")
	require.Eventually(t, func() bool { return s.connections()[0].lastCommand.Load().Name == "get" }, 10*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
	c.expectClosed()
	require.NoError(t, <-served)
	close(b.release)
	require.NoError(t, s.Shutdown(context.Background()))
}

func TestClientListAndKill(t *testing.T) {
	s, address := start(t, newFake(), Options{})
	a, b := dial(t, address), dial(t, address)
	a.do("CLIENT SETNAME first", "+OK\r\n")
	b.do("CLIENT SETNAME second", "+OK\r\n")
	list := ""
	for _, c := range s.connections() {
		list += c.describe(time.Now()) + "\n"
	}
	require.Contains(t, list, "name=first")
	require.Contains(t, list, "name=second")
	require.NotContains(t, list, "tot-mem=0 ")
	require.Equal(t, 2, strings.Count(list, "cmd=client|setname"))
	a.do("CLIENT KILL ID 2", ":1\r\n")
	b.expectClosed()
	a.do("CLIENT KILL 1.2.3.4:5", "-ERR No such client\r\n")
	a.do("CLIENT KILL ID x", "-ERR client-id should be greater than 0\r\n")
	a.do("CLIENT KILL TYPE normal SKIPME no", ":1\r\n")
	a.expectClosed()
}
