package resp

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// docsDiffer are the commands that COMMAND DOCS describes otherwise than Redis 7.0 does.
var docsDiffer = map[string]string{
	"set":                     "takes IFEQ",
	"setnx":                   "is deprecated in 7.2",
	"setex":                   "is deprecated in 7.2",
	"psetex":                  "is deprecated in 7.2",
	"quit":                    "is deprecated in 7.2",
	"bitop":                   "names its operations since 7.2",
	"client|list":             "has no block around a single argument",
	"client|kill":             "names the filters as they are, with those of 7.4",
	"client|pause":            "is of 3.0.0 since 7.2",
	"command|getkeys":         "names its arguments since 7.2",
	"command|getkeysandflags": "names its arguments since 7.2",
	"config|get":              "has no block around a single argument",
	"acl|cat":                 "calls a category category since 7.2",
	"cluster|meet":            "calls the port cluster-bus-port since 7.2",
	"monitor":                 "is refused, in O(1)",
	"sync":                    "is refused, in O(1)",
	"psync":                   "is refused, in O(1)",
	"replconf":                "is refused, to peers too",
	"debug":                   "names its subcommands",
}

func TestDocsAreThoseOfRedis(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	ours, theirs := redis.NewClient(&redis.Options{Addr: address, Protocol: 2}), redis.NewClient(&redis.Options{Addr: startRedis(t), Protocol: 2})
	defer ours.Close()
	defer theirs.Close()
	for id := range command.Specs() {
		s := command.ByID(id)
		if s.Flags&command.Internal != 0 || infoDiffers[s.FullName] == unknownTo70 {
			continue
		}
		compare := require.Equal
		if docsDiffer[s.FullName] != "" {
			compare = require.NotEqual
		}
		compare(t, documented(t, theirs, s.FullName), documented(t, ours, s.FullName), s.FullName)
	}
}

// documented is what COMMAND DOCS says of a command: without the history, which only
// Redis tells, and of texts only that they are there.
func documented(t *testing.T, c *redis.Client, name string) map[string]any {
	reply, err := c.Do(context.Background(), "COMMAND", "DOCS", name).Slice()
	require.NoError(t, err)
	require.Len(t, reply, 2, name)
	require.Equal(t, name, reply[0])
	out := pairs(reply[1])
	require.NotEmpty(t, out["summary"], name)
	delete(out, "history")
	for _, words := range []string{"summary", "complexity", "replaced_by"} {
		if out[words] != nil {
			out[words] = true
		}
	}
	out["arguments"] = shapes(out["arguments"])
	if out["subcommands"] != nil {
		out["subcommands"] = true // each is compared by itself
	}
	return out
}

func TestRedisCLIHelpsWithWhatTheServerDocuments(t *testing.T) {
	cli := program(t, "redis-cli", "redis-tools")
	_, address := start(t, newFake(), Options{})
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for name, hint := range map[string]string{
		"set":         "key value [NX|XX|IFEQ comparison-value] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
		"msetex":      "numkeys key value [key value ...] [NX|XX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
		"client list": "[TYPE NORMAL|MASTER|REPLICA|PUBSUB] [ID client-id [client-id ...]]",
		"dbsize":      "",
	} {
		out, err := exec.CommandContext(t.Context(), cli, append([]string{"-p", port, "help"}, strings.Fields(name)...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), hint, name)
		require.Contains(t, string(out), strings.ToUpper(name))
	}
}

// shapes describes arguments without what only Redis tells: since when there is one.
func shapes(arguments any) string {
	if arguments == nil {
		return ""
	}
	var out []string
	for _, argument := range arguments.([]any) {
		a := pairs(argument)
		shape := fmt.Sprint(a["type"])
		if token := a["token"]; token != nil {
			shape += fmt.Sprintf(" %q", token)
		}
		if a["arguments"] == nil && a["token"] == nil {
			shape += fmt.Sprintf(" %s", a["name"])
		}
		if key := a["key_spec_index"]; key != nil {
			shape += fmt.Sprintf(" spec %d", key)
		}
		if flags := a["flags"]; flags != nil {
			shape += fmt.Sprint(" ", flags)
		}
		if inner := a["arguments"]; inner != nil {
			shape += " {" + shapes(inner) + "}"
		}
		out = append(out, shape)
	}
	return strings.Join(out, ", ")
}
