package resp

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// infoDiffers are the commands about which COMMAND INFO says something else than
// Redis 7.0 does, because 7.2 does so too or because the command is another one here.
var infoDiffers = map[string]string{
	"delifeq":           unknownTo70,
	"msetex":            unknownTo70,
	"client|setinfo":    unknownTo70,
	"client|no-touch":   unknownTo70,
	"cluster|myshardid": unknownTo70,
	"waitaof":           unknownTo70,
	"debug|error":       unknownTo70,
	"debug|log":         unknownTo70,
	"debug|object":      unknownTo70,
	"debug|protocol":    unknownTo70,
	"debug|sleep":       unknownTo70,
	"debug|help":        unknownTo70,

	"msetnx":                  "lost its tips: it cannot be split",
	"scan":                    "got a response policy",
	"randomkey":               "got a response policy",
	"wait":                    "got the category of those that block",
	"latency|reset":           "got another response policy",
	"command|getkeys":         "needs one argument less",
	"command|getkeysandflags": "needs one argument less",

	"client|reply":            "is not queued: it is about the replies to come",
	"monitor":                 "is refused, in transactions too",
	"swapdb":                  "writes nothing: there is one database",
	"move":                    "writes nothing: there is one database",
	"cluster|countkeysinslot": "reads the leader's keys",
	"cluster|getkeysinslot":   "reads the leader's keys",
	"cluster|bumpepoch":       "is refused",
	"cluster|reset":           "is refused",
}

// unknownTo70 is why nothing can be compared.
const unknownTo70 = "is not there"

// TestTheTableIsThatOfRedis compares what COMMAND INFO knows.
func TestTheTableIsThatOfRedis(t *testing.T) {
	c := redis.NewClient(&redis.Options{Addr: startRedis(t), Protocol: 2})
	defer c.Close()
	for id := range command.Specs() {
		s := command.ByID(id)
		if s.Flags&command.Internal != 0 || infoDiffers[s.FullName] != "" {
			continue
		}
		info, err := c.Do(context.Background(), "COMMAND", "INFO", s.FullName).Slice()
		require.NoError(t, err)
		require.NotNil(t, info[0], "%s: Redis does not know it", s.FullName)
		theirs := info[0].([]any)
		require.Equal(t, []any{
			s.FullName, int64(s.Arity), words(s.Flags.Names()), int64(s.FirstKey), int64(s.LastKey), int64(s.KeyStep),
			words(s.Categories()), words(s.Tips),
		}, theirs[:8], s.FullName)
		require.Len(t, theirs[8], len(s.KeySpecs), s.FullName)
		for i, k := range s.KeySpecs {
			spec := pairs(theirs[8].([]any)[i])
			require.Equal(t, words(k.Flags.Names()), spec["flags"], s.FullName)
			notes, _ := spec["notes"].(string)
			require.Equal(t, notes, k.Notes, s.FullName)
			search, find := pairs(spec["begin_search"]), pairs(spec["find_keys"])
			require.Equal(t, []any{"index", []any{"index", int64(k.Begin)}}, []any{search["type"], search["spec"]}, s.FullName)
			require.Equal(t, []any{"range", []any{"lastkey", int64(k.Last), "keystep", int64(k.Step), "limit", int64(0)}},
				[]any{find["type"], find["spec"]}, s.FullName)
		}
	}
}

func words(in []string) []any {
	out := []any{}
	for _, w := range in {
		out = append(out, w)
	}
	return out
}

// pairs is a map in version 2 of the protocol.
func pairs(list any) map[string]any {
	out := map[string]any{}
	for l := list.([]any); len(l) > 0; l = l[2:] {
		out[l[0].(string)] = l[1]
	}
	return out
}

func TestValuesTravelBetweenRedisAndHereByDumpAndRestore(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	ctx := context.Background()
	ours, theirs := redis.NewClient(&redis.Options{Addr: address}), redis.NewClient(&redis.Options{Addr: startRedis(t)})
	defer ours.Close()
	defer theirs.Close()
	for i, value := range []string{
		"", "0", "-1", "127", "128", "-129", "32768", "-32769", "2147483647", "2147483648", "01", "1.5", "text", "\x00\xff\r\n",
		strings.Repeat("x", 63), strings.Repeat("x", 64), strings.Repeat("abc", 5000), strings.Repeat("x", 16383), strings.Repeat("x", 16384),
		strings.Repeat("0123456789", 200_000),
	} {
		key := strconv.Itoa(i)
		for _, way := range [][2]*redis.Client{{ours, theirs}, {theirs, ours}} {
			from, to := way[0], way[1]
			require.NoError(t, from.Set(ctx, key, value, 0).Err())
			payload, err := from.Dump(ctx, key).Result()
			require.NoError(t, err)
			require.NoError(t, to.RestoreReplace(ctx, "restored", 0, payload).Err(), "%.30q", value)
			require.Equal(t, value, to.Get(ctx, "restored").Val())
		}
	}
}
