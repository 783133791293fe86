package resp

import (
	"bufio"
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
	differentialCommands = flag.Int("differential-commands", 1_000_000, "commands that the differential test compares")
	differentialAddress  = flag.String("differential-address", "", "a running server to compare with Redis, whose keys are deleted; empty: a server in this process")
)

// startRedis runs a real redis-server until the test ends and returns its address.
func startRedis(t *testing.T, options ...string) string {
	path := program(t, "redis-server", "redis-server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	cmd := exec.Command(path, append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--databases", "1", "--proto-max-bulk-len", "64mb",
		"--dir", t.TempDir(), "--set-proc-title", "no"}, options...)...)
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

// readReply reads one reply as it came. With sorted, the elements of its arrays are
// put in order.
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
			e, err := readReply(in, sorted)
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

func appendCommand(b []byte, args []string) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(args)), 10)
	for _, a := range args {
		b = append(b, "\r\n$"...)
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, "\r\n"...)
		b = append(b, a...)
	}
	return append(b, "\r\n"...)
}

// Not compared: SCAN with a negative cursor, which Redis takes for a large one;
// COMMAND GETKEYS with a lone name, whose arity Redis 7.2 has corrected; and what
// says who the server is. What is compared but may differ: allowances.
func TestRepliesAreThoseOfRedis(t *testing.T) {
	n := seed(t)
	commands := *differentialCommands
	if testing.Short() {
		commands /= 10
	}
	for protocol := 2; protocol <= 3; protocol++ {
		t.Run(fmt.Sprint("RESP", protocol), func(t *testing.T) {
			if *differentialAddress == "" {
				t.Parallel() // each with servers of its own
			}
			d := newDifferential(t, protocol, n)
			for done := 0; done < commands/2; {
				done += d.batch(t, done)
			}
		})
	}
}

// differential sends the same commands to ringkv and to Redis.
type differential struct {
	generator    *generator
	ours, theirs *client
	out          []byte
}

// newDifferential connects to two empty servers.
func newDifferential(t *testing.T, protocol int, seed uint64) *differential {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(protocol))), base: time.Now().Unix()}
	address := *differentialAddress
	if address == "" {
		_, address = start(t, newFake(), Options{})
	} else {
		g.tag = "{x}"
	}
	d := &differential{generator: g, theirs: dial(t, startRedis(t)), ours: dial(t, address)}
	for _, c := range []*client{d.ours, d.theirs} {
		require.NoError(t, c.conn.SetDeadline(time.Now().Add(10*time.Minute)))
		c.send(fmt.Sprintf("FLUSHALL\r\nHELLO %d\r\n", protocol))
		for range 2 {
			_, err := readReply(c.in, false)
			require.NoError(t, err)
		}
	}
	for _, value := range []string{
		"", "0", "-128", "127", "32767", "-32768", "2147483647", "-2147483648", "2147483648", "007", "text",
		strings.Repeat("a", 63), strings.Repeat("ab", 100), strings.Repeat("abc", 10_000), "\x00\xff\r\n",
	} {
		d.theirs.send(string(appendCommand(appendCommand(nil, []string{"SET", "k", value}), []string{"DUMP", "k"})))
		_, err := readReply(d.theirs.in, false)
		require.NoError(t, err)
		dump, err := readReply(d.theirs.in, false)
		require.NoError(t, err)
		_, payload, _ := strings.Cut(dump, "\r\n")
		g.dumps = append(g.dumps, strings.TrimSuffix(payload, "\r\n"))
	}
	d.theirs.do("DEL k", ":1\r\n")
	return d
}

// batch compares the replies to some random commands and returns their number;
// done is how many went before.
func (d *differential) batch(t *testing.T, done int) int {
	var batch [][]string
	d.out = d.out[:0]
	add := func(args []string) {
		batch = append(batch, args)
		d.out = appendCommand(d.out, args)
	}
	for range 1 + d.generator.IntN(200) {
		args := d.generator.command()
		add(args)
		if len(args) > 3 && strings.EqualFold(args[0], "SET") {
			// Redis deletes what it was told to let expire in the past when
			// it is looked at.
			add([]string{"GET", args[1]})
		}
	}
	for _, c := range []*client{d.ours, d.theirs} {
		_, err := c.conn.Write(d.out)
		require.NoError(t, err)
	}
	for i, args := range batch {
		sorted := strings.EqualFold(args[0], "KEYS") || strings.EqualFold(args[0], "SCAN")
		ours, err := readReply(d.ours.in, sorted)
		require.NoError(t, err)
		theirs, err := readReply(d.theirs.in, sorted)
		require.NoError(t, err)
		if ours != theirs && !allowed(args, ours, theirs) {
			t.Fatalf("command %d: %.300q\nours:  %.300q\nRedis: %.300q", done+i, args, ours, theirs)
		}
	}
	return len(batch)
}

// Not compared: a zero byte in an inline command, for which Redis waits for ever.
func TestMalformedInputIsAnsweredAsByRedis(t *testing.T) {
	redisAddress := startRedis(t)
	_, address := start(t, newFake(), Options{})
	for _, input := range []string{
		"*x\r\n", "*2147483648\r\n", "*-5\r\nPING\r\n", "*0\r\nPING\r\n", "*1\r\nPING\r\n", "*1\r\n$x\r\n", "*1\r\n$-1\r\n",
		"*1\r\n$67108865\r\n", "*1\r\n$04\r\nPING\r\n", "*+1\r\n", "* 1\r\n", "*1\r\n$4\r\nPINGxyPING\r\n", "*1\rx$4\ryPINGzz",
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
