package resp

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ask sends a line and returns the reply.
func (c *client) ask(line string) string {
	c.t.Helper()
	c.send(line + "\r\n")
	reply, err := readReply(c.in, false)
	require.NoError(c.t, err)
	return reply
}

func TestWaitSaysHowManyCopiesAreCertain(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	c.do("SET k v", "+OK\r\n")
	c.do("WAIT 5 10000", ":2\r\n")
	c.do("WAITAOF 1 5 0", "*2\r\n:1\r\n:1\r\n")
	c.do("WAIT x 0", "-ERR value is not an integer or out of range\r\n")
	c.do("WAIT 1 x", "-ERR timeout is not an integer or out of range\r\n")
	c.do("WAIT 1 -1", "-ERR timeout is negative\r\n")
	c.do("WAITAOF 2 0 0", "-ERR value is out of range, value must between 0 and 1\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("WAIT 1 0", "+QUEUED\r\n")
	c.do("EXEC", "*1\r\n:2\r\n")
}

// What administrators and their tools ask, answered as Redis answers it.
func TestAdministrationAnswersAsInRedis(t *testing.T) {
	redisAddress := startRedis(t)
	_, address := start(t, newFake(), Options{})
	ours, theirs := dial(t, address), dial(t, redisAddress)
	for _, line := range []string{
		"ACL WHOAMI", "ACL USERS", "ACL LOG", "ACL CAT nosuch", "ACL GENPASS 0", "ACL NOPE",
		"SWAPDB 0 0", "SWAPDB x 0", "SWAPDB 0 x", "SWAPDB 0 100", "MOVE k 0", "MOVE k x", "MOVE k 100",
		"CLIENT PAUSE x", "CLIENT PAUSE -1", "CLIENT PAUSE 1 FOO", "CLIENT UNPAUSE", "CLIENT UNBLOCK 1", "CLIENT UNBLOCK 1 FOO",
		"CLIENT TRACKINGINFO", "CLIENT GETREDIR", "CLIENT TRACKING OFF", "CLIENT MAINT_NOTIFICATIONS ON",
		"CLIENT CACHING MAYBE", "CLIENT KILL 1.2.3.4:5", "CLIENT KILL TYPE foo", "CLIENT KILL ID 0", "CLIENT KILL USER joe",
		"CLIENT REPLY FOO", "CLIENT NO-EVICT FOO", "CLIENT LIST TYPE foo", "CLIENT LIST ID x", "CLIENT SETNAME", "CLIENT",
		"SLOWLOG LEN", "SLOWLOG RESET", "SLOWLOG GET", "SLOWLOG GET -2", "SLOWLOG GET x", "SLOWLOG NOPE",
		"LATENCY LATEST", "LATENCY HISTORY command", "LATENCY RESET", "LATENCY HISTOGRAM nosuch",
		"CONFIG REWRITE", "CONFIG SET slowlog-max-len 64 slowlog-log-slower-than 20000", "CONFIG GET slowlog-max*",
		"CONFIG SET timeout x", "CONFIG SET nosuch 1", "CONFIG SET timeout", "CONFIG SET timeout 1 timeout 2", "CONFIG SET timeout 0",
		"CONFIG GET notify-keyspace-events", "CONFIG GET latency-monitor-threshold", "CONFIG NOPE", "CONFIG RESETSTAT",
		"DEBUG SLEEP 0", "DEBUG", "MODULE LIST", "ROLE", "SELECT 100", "AUTH x", "HELLO 4", "HELLO x", "HELLO 2 FOO", "RESET",
		"COMMAND GETKEYS GET a", "COMMAND GETKEYS MSET a 1 b 2", "COMMAND GETKEYSANDFLAGS MSET a 1 b 2", "COMMAND GETKEYSANDFLAGS GET a",
		"COMMAND GETKEYS NOPE x", "COMMAND GETKEYS GET a b c", "COMMAND INFO nosuch", "COMMAND INFO get",
		"COMMAND INFO mget", "COMMAND INFO del", "COMMAND INFO watch", "COMMAND INFO multi", "COMMAND INFO exec",
		"COMMAND INFO lastsave", "COMMAND INFO info", "COMMAND INFO role", "COMMAND INFO readonly", "COMMAND INFO command|docs", "COMMAND INFO config|set", "COMMAND INFO client|list", "COMMAND INFO client|id", "COMMAND INFO client|kill", "COMMAND INFO slowlog|get",
		"FUNCTION FLUSH", "FUNCTION FLUSH async", "FUNCTION FLUSH FOO", "FUNCTION FLUSH SYNC SYNC", "FUNCTION LIST", "FUNCTION LIST WITHCODE LIBRARYNAME x",
		"FUNCTION LIST LIBRARYNAME", "FUNCTION LIST WITHCODE WITHCODE", "FUNCTION LIST FOO", "FUNCTION NOPE", "FUNCTION",
		"SCRIPT FLUSH", "SCRIPT FLUSH SYNC", "SCRIPT FLUSH FOO", "SCRIPT FLUSH SYNC SYNC", "SCRIPT EXISTS a b", "SCRIPT EXISTS", "SCRIPT NOPE",
		"COMMAND LIST FILTERBY PATTERN mge*", "COMMAND LIST FILTERBY MODULE nosuch", "COMMAND LIST FILTERBY NOPE x", "COMMAND NOPE",
		"PING a b", "ECHO", "QUIT",
	} {
		assert.Equal(t, theirs.ask(line), ours.ask(line), line)
	}
	ours.expectClosed()
}

func TestWhatWouldBeALieIsRefused(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	for _, line := range []string{"SAVE", "BGSAVE", "BGREWRITEAOF", "SHUTDOWN NOSAVE", "REPLICAOF no one", "FAILOVER", "MONITOR", "SYNC",
		"PSYNC ? -1", "MODULE LOAD x", "ACL SETUSER joe", "CLIENT TRACKING ON OPTIN", "CLIENT CACHING YES", "CONFIG SET appendonly no",
		"CONFIG SET notify-keyspace-events KEA", "CONFIG SET maxmemory 1", "DEBUG SLEEP 0"} {
		reply := c.ask(line)
		require.True(t, strings.HasPrefix(reply, "-ERR ") && len(reply) > 20, "%s: %s", line, reply)
	}
	c.do("CONFIG SET appendonly yes", "+OK\r\n") // it is
	c.do("PING", "+PONG\r\n")
}

func TestSlowCommandsAreLogged(t *testing.T) {
	f := newFake()
	b := &stalling{fake: f, stall: "slow", stalled: make(chan struct{}, 1), release: make(chan struct{})}
	_, address := start(t, b, Options{})
	c := dial(t, address)
	c.do("CLIENT SETNAME me", "+OK\r\n")
	const slow = time.Second // nothing else takes that long
	c.do("CONFIG SET slowlog-log-slower-than 1000000 latency-monitor-threshold 1000", "+OK\r\n")
	c.do("SET fast 1", "+OK\r\n")
	began := time.Now()
	c.send("SET slow " + strings.Repeat("x", 200) + "\r\nSET fast 2\r\n")
	<-b.stalled
	time.AfterFunc(slow, func() { close(b.release) })
	c.expect("+OK\r\n+OK\r\n")
	took := time.Since(began)
	reply := c.ask("SLOWLOG GET")
	require.True(t, strings.HasPrefix(reply, "*1\r\n*6\r\n:0\r\n:"), reply)
	lines := strings.Split(reply, "\r\n")
	micros, err := strconv.Atoi(lines[4][1:])
	require.NoError(t, err)
	require.GreaterOrEqual(t, micros, int(slow.Microseconds()))
	require.LessOrEqual(t, micros, int(took.Microseconds()))
	require.Contains(t, reply, "*3\r\n$3\r\nSET\r\n$4\r\nslow\r\n$147\r\n"+strings.Repeat("x", 128)+"... (72 more bytes)\r\n")
	require.Contains(t, reply, c.conn.LocalAddr().String()+"\r\n$2\r\nme\r\n")
	require.True(t, strings.HasPrefix(c.ask("LATENCY LATEST"), "*1\r\n*4\r\n$7\r\ncommand\r\n:"))
	require.True(t, strings.HasPrefix(c.ask("LATENCY HISTORY command"), "*1\r\n*2\r\n:"))
	require.Contains(t, c.ask("LATENCY DOCTOR"), "command: 1 seconds with slow ones")
	require.Contains(t, c.ask("LATENCY HISTOGRAM set"), "$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:3\r\n$14\r\nhistogram_usec\r\n")
	c.do("LATENCY RESET", ":1\r\n")
	c.do("SLOWLOG RESET", "+OK\r\n")
	c.do("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 3", "+OK\r\n")
	for range 5 {
		c.do("PING", "+PONG\r\n")
	}
	c.do("SLOWLOG LEN", ":3\r\n")
	c.do("CONFIG SET slowlog-log-slower-than -1", "+OK\r\n")
	c.do("CONFIG GET slowlog-log-slower-than", "*2\r\n$23\r\nslowlog-log-slower-than\r\n$2\r\n-1\r\n")
}

func TestAPauseHoldsClientsBackUntilItEnds(t *testing.T) {
	s, address := start(t, newFake(), Options{})
	c, admin := dial(t, address), dial(t, address)
	waiting := func(n int64) {
		t.Helper()
		require.Eventually(t, func() bool { return s.pause.held.Load() == n }, 10*time.Second, time.Millisecond)
	}
	admin.do("CLIENT PAUSE 100000 WRITE", "+OK\r\n")
	c.do("GET k", "$-1\r\n")
	c.send("GET k\r\nSET k v\r\nGET k\r\n")
	c.expect("$-1\r\n")
	waiting(1)
	require.Contains(t, admin.ask("INFO clients"), "blocked_clients:1\r\n")
	admin.do("GET k", "$-1\r\n")
	admin.do("CLIENT UNPAUSE", "+OK\r\n")
	c.expect("+OK\r\n$1\r\nv\r\n")
	waiting(0)

	admin.do("CLIENT PAUSE 100000", "+OK\r\n")
	c.send("MULTI\r\nGET k\r\nEXEC\r\n")
	waiting(1)
	admin.do("CLIENT PAUSE 1 WRITE", "+OK\r\n") // neither shorter nor milder
	waiting(1)
	admin.do("CLIENT UNPAUSE", "+OK\r\n")
	c.expect("+OK\r\n+QUEUED\r\n*1\r\n$1\r\nv\r\n")
	admin.do("CLIENT PAUSE 50", "+OK\r\n")
	c.do("GET k", "$1\r\nv\r\n") // it ends by itself
}

func TestDebugMustBeAllowed(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	for _, line := range []string{"DEBUG SLEEP 0", "DEBUG OBJECT k", "DEBUG HELP", "DEBUG PROTOCOL map"} {
		c.do(line, "-"+errDebug+"\r\n")
	}
	_, address = start(t, newFake(), Options{EnableDebug: true})
	c = dial(t, address)
	began := time.Now()
	c.do("DEBUG SLEEP 0.05", "+OK\r\n")
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
	c.do("DEBUG SLEEP x", "-ERR value is not a valid float\r\n")
	c.do("DEBUG JMAP", "-ERR unknown subcommand 'JMAP'. Try DEBUG HELP.\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("DEBUG OBJECT none", "+QUEUED\r\n")
	c.do("EXEC", "*1\r\n-ERR no such key\r\n")
}

func TestDebugAnswersAsRedisDoes(t *testing.T) {
	_, address := start(t, newFake(), Options{EnableDebug: true})
	ours, theirs := dial(t, address), dial(t, startRedis(t, "--enable-debug-command", "yes"))
	for protocol := 2; protocol <= 3; protocol++ {
		for _, line := range []string{
			"DEBUG ERROR none", `DEBUG ERROR "MOVED 1 a:1"`, "DEBUG PROTOCOL string", "DEBUG PROTOCOL integer", "DEBUG PROTOCOL double",
			"DEBUG PROTOCOL null", "DEBUG PROTOCOL array", "DEBUG PROTOCOL set", "DEBUG PROTOCOL map", "DEBUG PROTOCOL attrib",
			"DEBUG PROTOCOL push", "DEBUG PROTOCOL verbatim", "DEBUG PROTOCOL TRUE", "DEBUG PROTOCOL false", "DEBUG PROTOCOL bignum",
			"DEBUG PROTOCOL none", "DEBUG LOG x", "DEBUG OBJECT none",
		} {
			var replies [2]string
			for i, c := range []*client{ours, theirs} {
				c.send(line + "\r\nECHO end-of-it\r\n")
				for !strings.HasSuffix(replies[i], "end-of-it\r\n") {
					text, err := c.in.ReadString('\n')
					require.NoError(t, err)
					replies[i] += text
				}
			}
			require.Equal(t, replies[1], replies[0], line)
		}
		for _, c := range []*client{ours, theirs} {
			c.send("HELLO 3\r\n")
			_, err := readReply(c.in, false)
			require.NoError(t, err)
		}
	}
	described := regexp.MustCompile(`^\+Value at:0x[0-9a-f]+ refcount:\d+ (encoding:\w+ serializedlength:\d+) lru:\d+ lru_seconds_idle:\d+\r\n$`)
	for _, value := range []string{"v", "12345", "-7", "1234567890123", strings.Repeat("abc", 4), strings.Repeat("x", 45)} {
		var same [2]string
		for i, c := range []*client{ours, theirs} {
			c.do("SET k "+value, "+OK\r\n")
			c.send("DEBUG OBJECT k\r\n")
			reply, err := readReply(c.in, false)
			require.NoError(t, err)
			require.Regexp(t, described, reply)
			same[i] = described.FindStringSubmatch(reply)[1]
		}
		if len(value) <= 20 { // Redis compresses longer ones
			require.Equal(t, same[1], same[0], value)
		}
	}
}

func TestInfoHasTheSectionsOfRedis(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	c.do("SET k v", "+OK\r\n")
	all := infoOf(t, c, "everything")
	for _, section := range []string{"Server", "Clients", "Memory", "Stats", "Replication", "CPU", "Modules", "Errorstats", "Commandstats", "Latencystats"} {
		require.Contains(t, all, "# "+section+"\r\n")
	}
	require.Contains(t, infoOf(t, c, "replication cpu"), "role:master\r\n")
	require.Contains(t, infoOf(t, c, "replication cpu"), "used_cpu_user:")
	require.NotContains(t, infoOf(t, c, "replication cpu"), "# Server")
	require.Contains(t, infoOf(t, c, "default commandstats"), "# Server")
	require.Contains(t, infoOf(t, c, "default commandstats"), "# Commandstats")
}
