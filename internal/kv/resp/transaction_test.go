package resp

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

func TestTransactionsAnswerAsInRedis(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c, other := dial(t, address), dial(t, address)
	c.do("EXEC", "-ERR EXEC without MULTI\r\n")
	c.do("DISCARD", "-ERR DISCARD without MULTI\r\n")
	c.do("EXEC x", "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("MULTI", "-ERR MULTI calls can not be nested\r\n")
	c.do("WATCH k", "-ERR WATCH inside MULTI is not allowed\r\n")
	c.do("SET k 1", "+QUEUED\r\n")
	c.do("INCR k", "+QUEUED\r\n")
	other.do("GET k", "$-1\r\n")
	c.do("EXEC", "*2\r\n+OK\r\n:2\r\n")
	c.do("GET k", "$1\r\n2\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("EXEC", "*0\r\n")

	c.do("MULTI", "+OK\r\n")
	c.do("NOPE", "-ERR unknown command 'NOPE', with args beginning with: \r\n")
	c.do("SET k 3", "+QUEUED\r\n")
	c.do("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("GET", "-ERR wrong number of arguments for 'get' command\r\n")
	c.do("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("SET k 4", "+QUEUED\r\n")
	c.do("EXEC x", "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n")
	c.do("EXEC", "-ERR EXEC without MULTI\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("DISCARD x", "-ERR wrong number of arguments for 'discard' command\r\n")
	c.do("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
	c.do("GET k", "$1\r\n2\r\n")

	c.do("WATCH k absent", "+OK\r\n")
	other.do("SET k 5", "+OK\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("SET k 6", "+QUEUED\r\n")
	c.do("EXEC", "*-1\r\n")
	c.do("GET k", "$1\r\n5\r\n")
	c.do("WATCH k", "+OK\r\n")
	c.do("SET k 7", "+OK\r\n")
	c.do("UNWATCH", "+OK\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("GET k", "+QUEUED\r\n")
	c.do("EXEC", "*1\r\n$1\r\n7\r\n")
	c.do("WATCH k", "+OK\r\n")
	other.do("DEL k", ":1\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("DISCARD", "+OK\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("EXEC", "*0\r\n")
	c.do("WATCH k", "+OK\r\n")
	other.do("SET k 1", "+OK\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("PING", "+QUEUED\r\n")
	c.do("EXEC", "*-1\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("RESET", "+RESET\r\n")
	c.do("EXEC", "-ERR EXEC without MULTI\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("QUIT", "+OK\r\n")
	c.expectClosed()
}

func TestCommandsOfTheConnectionTakeTheirPlaceInATransaction(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	c.send("MULTI\r\nGET absent\r\nCLIENT SETNAME me\r\nHELLO 3\r\nGET absent\r\nCLIENT GETNAME\r\nSELECT 7\r\nINCR n\r\nUNWATCH\r\nHELLO 2\r\nGET absent\r\nEXEC\r\nGET absent\r\n")
	c.expect("+OK\r\n" + strings.Repeat("+QUEUED\r\n", 10) + "*10\r\n$-1\r\n+OK\r\n%7\r\n")
	for range 7 {
		for range 2 {
			_, err := readReply(c.in, false)
			require.NoError(t, err)
		}
	}
	c.expect("_\r\n$2\r\nme\r\n-ERR DB index is out of range\r\n:1\r\n+OK\r\n*14\r\n")
	for range 14 {
		_, err := readReply(c.in, false)
		require.NoError(t, err)
	}
	c.expect("$-1\r\n$-1\r\n")
	c.do("SET s 12", "+OK\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("OBJECT ENCODING s", "+QUEUED\r\n")
	c.do("MSETEX x k v", "+QUEUED\r\n")
	c.do("EXEC", "*2\r\n$3\r\nint\r\n-ERR invalid numkeys value\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("PING x", "+QUEUED\r\n")
	c.do("ECHO y", "+QUEUED\r\n")
	c.do("EXEC", "*2\r\n$1\r\nx\r\n$1\r\ny\r\n")
}

func TestWhatConcernsAllKeysIsRefusedInATransaction(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	for _, line := range []string{"DBSIZE", "KEYS *", "FLUSHALL", "SCAN 0", "RANDOMKEY", "CLIENT REPLY OFF"} {
		c.do("MULTI", "+OK\r\n")
		c.send(line + "\r\n")
		reply, err := readReply(c.in, false)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(reply, "-ERR Command not allowed inside a transaction"), "%s: %s", line, reply)
		c.do("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
	}
}

func TestATransactionMayNotGrowWithoutBound(t *testing.T) {
	_, address := start(t, newFake(), Options{MaxBulkBytes: 1000, MaxRequestBytes: 2000})
	c := dial(t, address)
	c.do("MULTI", "+OK\r\n")
	line := "SET k " + strings.Repeat("x", 900)
	c.do(line, "+QUEUED\r\n")
	c.do(line, "+QUEUED\r\n")
	c.do(line, "-ERR the transaction is too big, its commands may have 2000 bytes\r\n")
	c.do("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
	c.do("GET k", "$-1\r\n")
}

// failing answers the calls of one command with an error.
type failing struct {
	*fake
	name, message string
}

func (f *failing) Submit(calls []*command.Call) {
	for _, c := range calls {
		if c.Spec.Name == f.name {
			c.Fail(f.message)
		} else {
			f.run(c)
		}
	}
}

func TestErrorsOfAWholeTransaction(t *testing.T) {
	for message, want := range map[string]string{
		command.ErrOOM:           "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.\r\n",
		"DISKFULL no room":       "-EXECABORT Transaction discarded because of: DISKFULL no room\r\n",
		"ERR too long":           "-EXECABORT Transaction discarded because of: ERR too long\r\n",
		command.ErrUnknownResult: "-" + command.ErrUnknownResult + "\r\n",
		command.ErrCrossSlot:     "-" + command.ErrCrossSlot + "\r\n",
		command.ErrUnavailable:   "-" + command.ErrUnavailable + "\r\n",
	} {
		_, address := start(t, &failing{newFake(), "ringkv.exec", message}, Options{})
		c := dial(t, address)
		c.send("MULTI\r\nSET k v\r\nPING\r\nCLIENT SETNAME me\r\nEXEC\r\nCLIENT GETNAME\r\nEXEC\r\n")
		c.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n" + want + "$-1\r\n-ERR EXEC without MULTI\r\n")
	}
	_, address := start(t, &failing{newFake(), "ringkv.watch", command.ErrCrossSlot}, Options{})
	dial(t, address).do("WATCH a b", "-"+command.ErrCrossSlot+"\r\n")
}

func TestPipelinedTransactionsKeepTheirPlace(t *testing.T) {
	l := &lazy{fake: newFake()}
	_, address := start(t, l, Options{})
	c := dial(t, address)
	var in, want strings.Builder
	for i := range 300 {
		fmt.Fprintf(&in, "SET k %d\r\nWATCH k\r\nMULTI\r\nINCR k\r\nGET k\r\nEXEC\r\nGET k\r\nMULTI\r\nDEL k\r\nEXEC\r\nGET k\r\n", 10+i)
		n := fmt.Sprint(11 + i)
		fmt.Fprintf(&want, "+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:%s\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n+OK\r\n+QUEUED\r\n*1\r\n:1\r\n$-1\r\n", n, len(n), n, len(n), n)
	}
	c.sendBeside(in.String())
	c.expect(want.String())
}

func TestTransactionsAreCountedWithTheirCommands(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	c.send("MULTI\r\nSET k x\r\nINCR k\r\nPING\r\n")
	c.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n")
	watcher := dial(t, address)
	watcher.send("CLIENT LIST\r\n")
	list, err := readReply(watcher.in, false)
	require.NoError(t, err)
	require.Contains(t, list, " flags=x ")
	require.Contains(t, list, " multi=3 ")
	c.do("EXEC", "*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n+PONG\r\n")
	all := infoOf(t, c, "everything")
	for _, line := range []string{"cmdstat_set:calls=1,", "cmdstat_incr:calls=1,", "cmdstat_ping:calls=1,", "cmdstat_exec:calls=1,", "cmdstat_multi:calls=1,"} {
		require.Contains(t, all, line)
	}
	require.NotContains(t, all, "ringkv.exec")
}

// Two clients do the same at a server of ours and at Redis, in the same order.
func TestTransactionsDoWhatTheyDoInRedis(t *testing.T) {
	redisAddress := startRedis(t)
	_, address := start(t, newFake(), Options{})
	n := seed(t)
	rounds := 20_000
	if testing.Short() {
		rounds = 2000
	}
	for protocol := 2; protocol <= 3; protocol++ {
		g := &generator{Rand: rand.New(rand.NewPCG(n, uint64(protocol))), base: time.Now().Unix()}
		var clients [2][2]*client // by client and server
		for i := range clients {
			for j, a := range []string{address, redisAddress} {
				c := dial(t, a)
				require.NoError(t, c.conn.SetDeadline(time.Now().Add(10*time.Minute)))
				c.send(fmt.Sprintf("FLUSHALL\r\nHELLO %d\r\n", protocol))
				for range 2 {
					_, err := readReply(c.in, false)
					require.NoError(t, err)
				}
				clients[i][j] = c
			}
		}
		executed, aborted := 0, 0
		var past []string
		for round := range rounds {
			who := g.IntN(2)
			key := func() string { return pick(g, "a", "b", "c") }
			args := pick(g,
				func() []string { return []string{"MULTI"} },
				func() []string { return []string{"EXEC"} },
				func() []string { return []string{"EXEC"} },
				func() []string { return []string{"WATCH", key()} },
				func() []string { return []string{"WATCH", key(), key()} },
				func() []string { return []string{pick(g, "DISCARD", "UNWATCH", "PING", "EXEC", "WATCH", "MULTI")} },
				func() []string { return []string{pick(g, "SET", "APPEND", "SETNX"), key(), g.integer()} },
				func() []string { return []string{pick(g, "INCR", "GET", "DEL", "GETDEL", "STRLEN", "TYPE"), key()} },
				func() []string { return []string{"MGET", key(), key()} },
				func() []string { return []string{"MSET", key(), "1", key(), "2"} },
				func() []string { return []string{"EXPIRE", key(), pick(g, "1000", "-1", "x")} },
				func() []string { return []string{pick(g, "NOPE", "ECHO", "SELECT"), pick(g, "0", "9")} },
			)()
			if g.IntN(100) == 0 {
				args = []string{pick(g, "FLUSHALL", "EXEC", "DISCARD", "RESET")}
			}
			if args[0] == "FLUSHALL" {
				// Refused by us inside of MULTI.
				for _, c := range clients[who] {
					c.send("DISCARD\r\n")
					_, err := readReply(c.in, false)
					require.NoError(t, err)
				}
			}
			if args[0] == "RESET" && protocol == 3 {
				continue
			}
			past = append(past, fmt.Sprintf("%d: %q", who, args))
			request := string(appendCommand(nil, args))
			var replies [2]string
			for j, c := range clients[who] {
				c.send(request)
				var err error
				replies[j], err = readReply(c.in, false)
				require.NoError(t, err)
			}
			require.Equal(t, replies[1], replies[0], "RESP%d, round %d: %s", protocol, round, strings.Join(past[max(0, len(past)-30):], "\n"))
			if args[0] == "EXEC" && len(args) == 1 {
				switch {
				case replies[0][0] == '*' && replies[0] != "*-1\r\n":
					executed++
				case replies[0][0] != '-':
					aborted++
				}
			}
		}
		t.Logf("RESP%d: %d executed, %d stopped by WATCH", protocol, executed, aborted)
		require.Greater(t, executed, rounds/100)
		require.Greater(t, aborted, rounds/1000)
	}
}
