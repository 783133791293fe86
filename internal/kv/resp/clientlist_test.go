package resp

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listed returns what CLIENT LIST says of a client.
func listed(t *testing.T, admin *client, id int) map[string]string {
	admin.send(fmt.Sprintf("CLIENT LIST ID %d\r\n", id))
	reply, err := readReply(admin.in, false)
	require.NoError(t, err)
	out := map[string]string{}
	_, line, _ := strings.Cut(reply, "\r\n")
	for _, field := range strings.Fields(line) {
		name, value, _ := strings.Cut(field, "=")
		out[name] = value
	}
	return out
}

func TestClientListTellsWhatAClientDoes(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	c.do("CLIENT ID", ":1\r\n")
	admin := dial(t, address)
	number := func(name string) int {
		n, err := strconv.Atoi(listed(t, admin, 1)[name])
		require.NoError(t, err, name)
		return n
	}
	// What it sees of a client changes a moment after the client has its reply.
	eventually := func(want bool, name string, is func(int) bool) {
		t.Helper()
		require.Eventually(t, func() bool { return is(number(name)) == want }, 20*time.Second, time.Millisecond, name)
	}
	zero := func(n int) bool { return n == 0 }

	eventually(false, "qbuf-free", zero)
	eventually(true, "qbuf", zero)
	c.send("*2\r\n$3\r\nGET\r\n$5\r\nhal")
	eventually(true, "qbuf", func(n int) bool { return n == len("*2\r\n$3\r\nGET\r\n$5\r\nhal") })
	c.send("lo\r\n")
	c.expect("$-1\r\n")
	eventually(true, "qbuf", zero)
	require.Equal(t, []string{"N", "get", "-1", "0"}, []string{
		listed(t, admin, 1)["flags"], listed(t, admin, 1)["cmd"], listed(t, admin, 1)["multi"], listed(t, admin, 1)["multi-mem"],
	})

	c.do("READONLY", "+OK\r\n")
	c.do("MULTI", "+OK\r\n")
	c.do("SET k 0123456789", "+QUEUED\r\n")
	eventually(true, "multi", func(n int) bool { return n == 1 })
	eventually(true, "multi-mem", func(n int) bool { return n == len("SETk0123456789") })
	require.Equal(t, "rx", listed(t, admin, 1)["flags"])
	c.do("RESET", "+RESET\r\n")
	eventually(true, "multi-mem", zero)
	require.Equal(t, "N", listed(t, admin, 1)["flags"])
}

func TestClientListTellsWhatAClientIsToTake(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	c := dial(t, address)
	c.do("CLIENT ID", ":1\r\n")
	const size = 16 << 20 // more than sockets hold
	c.send(fmt.Sprintf("SETRANGE big %d x\r\n", size-1))
	c.expect(fmt.Sprintf(":%d\r\n", size))
	admin := dial(t, address)
	require.Eventually(t, func() bool { return listed(t, admin, 1)["obl"] == "0" }, 20*time.Second, time.Millisecond)
	c.send("GET big\r\n")
	require.Eventually(t, func() bool {
		l := listed(t, admin, 1)
		n, err := strconv.Atoi(l["obl"])
		require.NoError(t, err)
		return n >= size && l["events"] == "rw"
	}, 20*time.Second, time.Millisecond)
	reply, err := readReply(c.in, false)
	require.NoError(t, err)
	require.Greater(t, len(reply), size)
	require.Eventually(t, func() bool { return listed(t, admin, 1)["obl"] == "0" }, 20*time.Second, time.Millisecond)
}
