package resp

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	differentialCommands = flag.Int("differential-commands", 30_000, "commands that the differential test compares")
	differentialAddress  = flag.String("differential-address", "", "a running server to compare with Redis, whose keys are deleted; empty: a server in this process")
)

// startRedis runs a real redis-server until the test ends and returns its address.
func startRedis(t *testing.T) string {
	path := program(t, "redis-server", "redis-server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--databases", "1",
		"--dir", t.TempDir(), "--set-proc-title", "no")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait(), "it was killed")
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		defer c.Close()
		fmt.Fprint(c, "PING\r\n")
		line, err := bufio.NewReader(c).ReadString('\n')
		return err == nil && line == "+PONG\r\n"
	}, 10*time.Second, 10*time.Millisecond)
	return address
}

// readReply reads one reply as it came. With a sorted array its elements are put in
// order.
func readReply(in *bufio.Reader, sorted bool) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return line, err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '$', '=':
		if n < 0 {
			return line, nil
		}
		rest := make([]byte, n+2)
		_, err := io.ReadFull(in, rest)
		return line + string(rest), err
	case '*', '~', '%':
		if line[0] == '%' {
			n *= 2
		}
		var elements []string
		for range n {
			e, err := readReply(in, false)
			if err != nil {
				return line, err
			}
			elements = append(elements, e)
		}
		if sorted {
			sort.Strings(elements)
		}
		return line + strings.Join(elements, ""), nil
	}
	return line, nil
}

// generator makes random commands, most of them sensible.
type generator struct {
	*rand.Rand
	base int64 // seconds since the epoch, from which absolute times are made
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) key() string {
	return pick(g, "a", "b", "c", "k{x}", "", "\x00\xff\r\n", "key:1", "key:2", "[", "nine")
}

func (g *generator) value() string {
	switch g.IntN(8) {
	case 0:
		return g.integer()
	case 1:
		return g.float()
	case 2:
		b := make([]byte, g.IntN(40))
		for i := range b {
			b[i] = byte(g.Uint32())
		}
		return string(b)
	case 3:
		return strings.Repeat("x", g.IntN(5000))
	}
	return strconv.Itoa(g.IntN(2000) - 1000)
}

func (g *generator) integer() string {
	return pick(g, "0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
		"-9223372036854775809", "007", "+5", " 5", "5 ", "-0", "abc", "", "1.5", "5\x00", strconv.Itoa(g.IntN(1000)-500))
}

func (g *generator) float() string {
	return pick(g, "0", "-0", "0.1", "-0.1", "3.14159265358979", "1e10", "1E-10", "1e300", "1e4000", "-1e4932", "1e4933", "1e5000",
		"1e-4950", "1e-5000", "inf", "-inf", "+Infinity", "nan", "1e", ".", ".5", "5.", "0x1p4", "0x.8", "0x", "0X1F", "1_0",
		"1.0000000000000001", "123456789012345678901234567890", "", " 1", "1 ", "0e999999", "1\x00", "--1", "+1",
		fmt.Sprintf("%d.%d", g.IntN(1000)-500, g.IntN(100000)), fmt.Sprintf("%de%d", g.IntN(1000), g.IntN(40)-20))
}

func (g *generator) index() string {
	if g.IntN(10) == 0 {
		return g.integer()
	}
	return strconv.Itoa(g.IntN(60) - 30)
}

// Relative and absolute times are so far apart that the order of any two does not
// depend on when exactly a server looked at its clock.
func (g *generator) seconds() string {
	return pick(g, "100", "1000", "10000", "100", "1000", g.integer())
}

func (g *generator) millis() string {
	return pick(g, "100000", "1000000", "10000000", "0", "-1", "abc", "9223372036854775807", "9223372036854775000")
}

func (g *generator) atSeconds() string {
	return pick(g, strconv.FormatInt(g.base+500, 10), strconv.FormatInt(g.base+5000, 10), strconv.FormatInt(g.base+50_000, 10),
		"1", "0", "-1", "x", "9223372036854775807")
}

func (g *generator) atMillis() string {
	return pick(g, strconv.FormatInt(g.base*1000+500_123, 10), strconv.FormatInt(g.base*1000+5_000_999, 10), "1", "0", "-5", "")
}

func (g *generator) expiry() []string {
	switch g.IntN(5) {
	case 0:
		return []string{"EX", g.seconds()}
	case 1:
		return []string{"px", g.millis()}
	case 2:
		return []string{"EXAT", g.atSeconds()}
	case 3:
		return []string{"PxAt", g.atMillis()}
	}
	return []string{pick(g, "KEEPTTL", "PERSIST", "ex")}
}

func (g *generator) setOptions() (o []string) {
	for range g.IntN(4) {
		if g.IntN(2) == 0 {
			o = append(o, g.expiry()...)
		} else {
			o = append(o, pick(g, "NX", "XX", "GET", "get", "nx", "keepttl", "", "FOO", "NX\x00y"))
		}
	}
	return o
}

func (g *generator) conditions() (o []string) {
	for range g.IntN(3) {
		o = append(o, pick(g, "NX", "XX", "gt", "LT", "NX", "bad", "a\r\nb\r\n"))
	}
	return o
}

func (g *generator) keys() (k []string) {
	for range 1 + g.IntN(5) {
		k = append(k, g.key())
	}
	return k
}

func (g *generator) command() []string {
	k := g.key()
	args := pick(g,
		func() []string { return []string{"GET", k} },
		func() []string { return []string{"SET", k, g.value()} },
		func() []string { return append([]string{"SET", k, g.value()}, g.setOptions()...) },
		func() []string { return append([]string{"GETEX", k}, g.setOptions()...) },
		func() []string { return append([]string{"GETEX", k}, g.expiry()...) },
		func() []string { return []string{pick(g, "GETDEL", "STRLEN", "TYPE", "PERSIST", "INCR", "DECR"), k} },
		func() []string { return []string{pick(g, "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"), k} },
		func() []string { return []string{pick(g, "GETSET", "SETNX", "APPEND"), k, g.value()} },
		func() []string { return []string{"SETEX", k, g.seconds(), g.value()} },
		func() []string { return []string{"PSETEX", k, g.millis(), g.value()} },
		func() []string {
			return append([]string{pick(g, "DEL", "UNLINK", "EXISTS", "TOUCH", "MGET")}, g.keys()...)
		},
		func() []string { return append([]string{"MSET"}, g.keys()...) },
		func() []string { return []string{"MSET", k, g.value(), g.key(), g.value()} },
		func() []string { return []string{pick(g, "GETRANGE", "SUBSTR"), k, g.index(), g.index()} },
		func() []string { return []string{"SETRANGE", k, g.index(), g.value()} },
		func() []string { return []string{"SETRANGE", k, pick(g, "536870912", "9223372036854775807"), "v"} },
		func() []string { return []string{pick(g, "INCRBY", "DECRBY"), k, g.integer()} },
		func() []string { return []string{"INCRBYFLOAT", k, g.float()} },
		func() []string { return []string{"INCRBYFLOAT", "nine", g.float()} },
		func() []string { return []string{pick(g, "EXPIRE", "PEXPIRE"), k, g.seconds() + "000000"} },
		func() []string { return []string{"EXPIRE", k, g.seconds(), pick(g, "NX", "XX")} },
		func() []string { return append([]string{"EXPIREAT", k, g.atSeconds()}, g.conditions()...) },
		func() []string { return append([]string{"PEXPIREAT", k, g.atMillis()}, g.conditions()...) },
		func() []string {
			return []string{"KEYS", pick(g, "*", "key:?", "[a-c]", "[^a]", "k\\{*", "", "[", "*[\xfe-\xff]*")}
		},
		func() []string { return []string{"SCAN", pick(g, "x", "1 ", " 1", "1e"), "COUNT", "10"} },
		func() []string { return []string{"SCAN", "0", pick(g, "COUNT", "FOO"), pick(g, "0", "-1", "x", "")} },
		func() []string { return []string{"DBSIZE"} },
		func() []string { return []string{"PING", g.value()} },
		func() []string { return []string{"ECHO", g.value()} },
		func() []string { return []string{"SELECT", pick(g, "0", "1", "x", "-1")} },
		func() []string {
			return []string{"CLIENT", pick(g, "GETNAME", "SETNAME", "FOO\r\n"), pick(g, "me", "a b", "")}
		},
		func() []string {
			return []string{"COMMAND", "GETKEYS", pick(g, "GET", "MSET", "PING", "NOPE"), "a", "b"}
		},
		func() []string { return []string{"HELLO", pick(g, "1", "4", "x"), "SETNAME", "x"} },
		func() []string { return []string{"AUTH", pick(g, "default", "joe"), "x"}[:2+g.IntN(2)] },
		func() []string { return append([]string{pick(g, "NOPE", "", "a\x00b", "x\r\ny")}, g.keys()...) },
	)()
	if g.IntN(400) == 0 {
		args = []string{"FLUSHALL", pick(g, "SYNC", "ASYNC", "BAD")}
	}
	if args[0] != "SCAN" && args[0] != "COMMAND" && args[0] != "HELLO" {
		switch g.IntN(60) { // arguments too many or too few
		case 0:
			args = args[:1+g.IntN(len(args))]
		case 1:
			args = append(args, g.value())
		}
	}
	if g.IntN(4) == 0 {
		args[0] = strings.ToLower(args[0])
	}
	return args
}

func encode(b *bytes.Buffer, args []string) {
	fmt.Fprintf(b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(b, "$%d\r\n%s\r\n", len(a), a)
	}
}

// tolerance is how much the integers that two servers answer may differ, because
// they looked at the clock at different times.
func tolerance(args []string) int64 {
	switch strings.ToUpper(args[0]) {
	case "TTL", "EXPIRETIME":
		return 5
	case "PTTL", "PEXPIRETIME":
		return 5000
	}
	return 0
}

func same(args []string, a, b string) bool {
	if a == b {
		return true
	}
	by := tolerance(args)
	if by == 0 || a[0] != ':' || b[0] != ':' {
		return false
	}
	x, _ := strconv.ParseInt(strings.TrimSpace(a[1:]), 10, 64)
	y, _ := strconv.ParseInt(strings.TrimSpace(b[1:]), 10, 64)
	return x > 0 && y > 0 && max(x-y, y-x) <= by
}

// Not compared: SCAN with a negative cursor, which Redis takes for a large one;
// COMMAND GETKEYS with a lone name, whose arity Redis 7.2 has corrected; and what
// says who the server is.
func TestRepliesAreThoseOfRedis(t *testing.T) {
	redisAddress := startRedis(t)
	address := *differentialAddress
	if address == "" {
		_, address = start(t, newFake(), Options{})
	}
	n := seed(t)
	commands := *differentialCommands
	if testing.Short() {
		commands /= 10
	}
	for protocol := 2; protocol <= 3; protocol++ {
		g := &generator{rand.New(rand.NewPCG(n, uint64(protocol))), time.Now().Unix()}
		ours, theirs := dial(t, address), dial(t, redisAddress)
		for _, c := range []*client{ours, theirs} {
			require.NoError(t, c.conn.SetDeadline(time.Now().Add(10*time.Minute)))
			c.send(fmt.Sprintf("FLUSHALL\r\nHELLO %d\r\n", protocol))
			for range 2 {
				_, err := readReply(c.in, false)
				require.NoError(t, err)
			}
		}
		for done := 0; done < commands/2; {
			var batch [][]string
			var b bytes.Buffer
			for range 1 + g.IntN(50) {
				args := g.command()
				batch = append(batch, args)
				encode(&b, args)
				if len(args) > 3 && strings.EqualFold(args[0], "SET") {
					// Redis deletes what it was told to let expire in the past
					// when it is looked at.
					batch = append(batch, []string{"GET", args[1]})
					encode(&b, batch[len(batch)-1])
				}
			}
			ours.send(b.String())
			theirs.send(b.String())
			for i, args := range batch {
				sorted := strings.EqualFold(args[0], "KEYS")
				a, err := readReply(ours.in, sorted)
				require.NoError(t, err)
				b, err := readReply(theirs.in, sorted)
				require.NoError(t, err)
				require.True(t, same(args, a, b), "RESP%d, command %d: %.200q\nours:  %.300q\nRedis: %.300q", protocol, done+i, args, a, b)
			}
			done += len(batch)
		}
	}
}

// Not compared: a zero byte in an inline command, for which Redis waits for ever.
func TestMalformedInputIsAnsweredAsByRedis(t *testing.T) {
	redisAddress := startRedis(t)
	_, address := start(t, newFake(), Options{MaxBulkBytes: 512 << 20})
	for _, input := range []string{
		"*x\r\n", "*2147483648\r\n", "*-5\r\nPING\r\n", "*0\r\nPING\r\n", "*1\r\nPING\r\n", "*1\r\n$x\r\n", "*1\r\n$-1\r\n",
		"*1\r\n$536870913\r\n", "*1\r\n$04\r\nPING\r\n", "*+1\r\n", "* 1\r\n", "*1\r\n$4\r\nPINGxyPING\r\n", "*1\rx$4\ryPINGzz",
		"set k \"v\r\n", "set k \"v\"x\r\n", "set k 'v\r\n", `set k "\x4` + "\r\n", `echo "\x41\x4g\n\q\""` + "\r\n", "echo 'it\\'s'\r\n",
		"  ping  \n", "\r\n\r\nping\r\n", "ping\n\rping\r\n", "*1\r\n\n\r\n", "echo \"\"\r\n", "echo a\"b c\"\r\n",
		"\"\"\r\n", "echo \t\v\fx\r\n", "*1\r\n$4\r\nping\r\nping\r\n*1\r\n$4\r\nPONG\r\n",
	} {
		var replies [2]string
		for i, a := range []string{address, redisAddress} {
			c := dial(t, a)
			c.send(input)
			require.NoError(t, c.conn.(*net.TCPConn).CloseWrite())
			b, err := io.ReadAll(c.in)
			require.NoError(t, err)
			replies[i] = string(b)
		}
		require.Equal(t, replies[1], replies[0], "%q", input)
	}
}

// The order of SCAN is our own, but a full scan finds the same keys.
func TestFullScansFindTheKeysOfRedis(t *testing.T) {
	redisAddress := startRedis(t)
	_, address := start(t, newFake(), Options{})
	var found [2][]string
	for i, a := range []string{address, redisAddress} {
		c := dial(t, a)
		for n := range 500 {
			c.do(fmt.Sprintf("SET key:%d v", n), "+OK\r\n")
		}
		for cursor := "0"; ; {
			c.send("SCAN " + cursor + " MATCH key:*1* COUNT 20 TYPE string\r\n")
			reply, err := readReply(c.in, false)
			require.NoError(t, err)
			lines := strings.Split(reply, "\r\n")
			for j := 5; j < len(lines)-1; j += 2 {
				found[i] = append(found[i], lines[j])
			}
			if cursor = lines[2]; cursor == "0" {
				break
			}
		}
		sort.Strings(found[i])
	}
	require.Equal(t, found[1], found[0])
}
