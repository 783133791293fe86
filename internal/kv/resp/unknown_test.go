package resp

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// TestWhatIsNotSupportedGetsTheErrorForUnknownCommands asks for every command that a
// real Redis has and the table has not, and looks whether the page of commands says
// why.
func TestWhatIsNotSupportedGetsTheErrorForUnknownCommands(t *testing.T) {
	theirs := redis.NewClient(&redis.Options{Addr: startRedis(t)})
	defer theirs.Close()
	names, err := theirs.CommandList(context.Background(), nil).Result()
	require.NoError(t, err)
	require.Greater(t, len(names), 200)
	page, err := os.ReadFile("../../../docs/commands.md")
	require.NoError(t, err)
	documented := map[string]bool{}
	for _, word := range strings.Fields(string(page)) {
		documented[word] = true
	}

	_, address := start(t, newFake(), Options{})
	for _, protocol := range []string{"2", "3"} {
		c := dial(t, address)
		c.send("HELLO " + protocol + "\r\n")
		_, err := readReply(c.in, false)
		require.NoError(t, err)
		missing := 0
		for _, name := range names {
			name, _, isSub := strings.Cut(name, "|")
			require.True(t, documented[strings.ToUpper(name)], "docs/commands.md does not tell about %s", name)
			if isSub || command.Lookup([]byte(name)) != nil {
				continue
			}
			missing++
			c.do(name+" key 1 a", "-ERR unknown command '"+name+"', with args beginning with: 'key' '1' 'a' \r\n")
			c.do(strings.ToUpper(name), "-ERR unknown command '"+strings.ToUpper(name)+"', with args beginning with: \r\n")
		}
		require.Greater(t, missing, 100)
		c.do("PING", "+PONG\r\n")
	}
}
