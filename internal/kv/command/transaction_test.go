package command

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// transactionOf makes a transaction of lines of words.
func transactionOf(t testing.TB, lines ...string) *Transaction {
	tx := new(Transaction)
	for _, line := range lines {
		args := words(line)
		spec := Executable(args)
		require.NotNil(t, spec, line)
		tx.Add(spec, args, 2)
	}
	return tx
}

func words(line string) [][]byte {
	var args [][]byte
	for _, w := range strings.Fields(line) {
		args = append(args, []byte(w))
	}
	return args
}

// watchKeys does what WATCH does.
func watchKeys(t testing.TB, c *Context, keys ...string) []Watched {
	var r Reply
	watch(c, words("ringkv.watch "+strings.Join(keys, " ")), &r)
	state, ok := Integers(r.Buf)
	require.True(t, ok)
	var out []Watched
	for i, k := range keys {
		out = append(out, Watched{Key: []byte(k), Token: uint64(state[0])<<1 | uint64(state[1+i])})
	}
	return out
}

// exec executes a transaction as a replica would and returns its reply.
func execTransaction(t testing.TB, c *Context, tx *Transaction, watched []Watched) string {
	spec, args := tx.Command(watched)
	var r Reply
	if spec.IsWrite() {
		require.NoError(t, Apply(c, args, &r))
	} else {
		call := NewCall(spec, args, 2)
		call.Run(c)
		r = call.Out
	}
	return strings.ReplaceAll(string(r.Buf), "\r\n", " ")
}

func TestATransactionRunsInOrderAndGoesOnAfterAnError(t *testing.T) {
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	tx := transactionOf(t, "SET {k}a 1", "INCR {k}a", "SET {k}b x", "INCR {k}b", "MGET {k}a {k}b {k}c", "DEL {k}b", "GET {k}b")
	require.Equal(t, "*7 +OK :2 +OK -ERR value is not an integer or out of range *3 $1 2 $1 x $-1 :1 $-1 ", execTransaction(t, c, tx, nil))
	require.Equal(t, "*2 $1 2 :0 ", execTransaction(t, c, transactionOf(t, "GET {k}a", "EXISTS {k}b"), nil))
}

func TestATransactionAsksForMemoryOnlyIfItMayNeedSome(t *testing.T) {
	for line, want := range map[string]string{"SET k v": "ringkv.exec", "DEL k": "ringkv.execfree", "GET k": "ringkv.execread"} {
		spec, _ := transactionOf(t, "GET k", line, "GET k").Command(nil)
		require.Equal(t, want, spec.Name)
	}
	spec, args := new(Transaction).Command([]Watched{{Key: []byte("k")}})
	require.Equal(t, "ringkv.execread", spec.Name, "only watched keys")
	require.Equal(t, "k", string(args[2]))
}

func TestWatchedKeysThatChangedStopATransaction(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, after []string
		later         int64 // milliseconds that pass
		stops         bool
	}{
		{name: "nothing happened", before: []string{"SET k v"}},
		{name: "nothing happened to an absent key"},
		{name: "read", before: []string{"SET k v"}, after: []string{"GET k", "GETEX k", "TTL k"}},
		{name: "set", before: []string{"SET k v"}, after: []string{"SET k v"}, stops: true},
		{name: "created", after: []string{"SET k v"}, stops: true},
		{name: "deleted", before: []string{"SET k v"}, after: []string{"DEL k"}, stops: true},
		{name: "came and went", after: []string{"SET k v", "DEL k"}, stops: true},
		{name: "came and expired", after: []string{"SET k v PX 5"}, later: 10, stops: true},
		{name: "came, expired and was removed", after: []string{"SET k v PX 5"}, later: 10, stops: true},
		{name: "came and was flushed", after: []string{"SET k v", "FLUSHALL"}, stops: true},
		{name: "went and came", before: []string{"SET k v"}, after: []string{"DEL k", "SET k v"}, stops: true},
		{name: "flushed", before: []string{"SET k v"}, after: []string{"FLUSHALL"}, stops: true},
		{name: "an absent key, flushed", before: []string{"SET o v"}, after: []string{"FLUSHALL"}},
		{name: "expiry changed", before: []string{"SET k v"}, after: []string{"EXPIRE k 100"}, stops: true},
		{name: "expired", before: []string{"SET k v PX 5"}, later: 10, stops: true},
		{name: "was expired already", before: []string{"SET k v PXAT 1700000000005"}, later: 0, after: nil},
		{name: "another key", before: []string{"SET k v", "SET o v"}, after: []string{"SET o w", "DEL o"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
			for _, line := range test.before {
				run(t, c, strings.Fields(line)...)
			}
			if test.name == "was expired already" {
				c.Now += 10
			}
			watched := watchKeys(t, c, "k")
			for _, line := range test.after {
				run(t, c, strings.Fields(line)...)
			}
			c.Now += test.later
			if test.name == "was expired already" || strings.HasSuffix(test.name, "removed") {
				var r Reply
				require.NoError(t, Apply(c, words("ringkv.expire k"), &r))
				require.Equal(t, ":1\r\n", string(r.Buf))
			}
			want := "*1 +OK "
			if test.stops {
				want = "*-1 "
			}
			before := c.Store.Hash()
			require.Equal(t, want, execTransaction(t, c, transactionOf(t, "SET x y"), watched))
			if test.stops {
				require.Equal(t, before, c.Store.Hash(), "nothing is executed")
			}
			if _, readOnly := c.get([]byte("x")); readOnly && !test.stops {
				require.Equal(t, "*0 ", execTransaction(t, c, new(Transaction), watched), "watching alone is possible")
			}
		})
	}
}

func TestATransactionNeedsOneSlot(t *testing.T) {
	router := Router{Partitions: 16, Slot: func(key []byte) uint16 { return uint16(key[0]) }, Partition: func(slot uint16) uint32 { return uint32(slot) % 16 }}
	for _, test := range []struct {
		lines   []string
		watched string
		ok      bool
	}{
		{lines: []string{"SET a1 v", "DEL a2 a3"}, watched: "a4", ok: true},
		{lines: []string{"SET a1 v", "SET b1 v"}},
		{lines: []string{"MSET a1 v b1 v"}},
		{lines: []string{"SET a1 v"}, watched: "b1"},
		{watched: "a1", ok: true},
	} {
		var watched []Watched
		if test.watched != "" {
			watched = []Watched{{Key: []byte(test.watched)}}
		}
		spec, args := transactionOf(t, test.lines...).Command(watched)
		call := NewCall(spec, args, 2)
		parts := router.Route(nil, call)
		if test.ok {
			require.Len(t, parts, 1)
			require.EqualValues(t, 'a'%16, parts[0].Partition)
		} else {
			require.Empty(t, parts)
			require.Equal(t, "-"+ErrCrossSlot+"\r\n", string(call.Wait()))
		}
	}
}

// What a newer version may have put into the log must stop a replica, not make it
// different from others.
func TestATransactionThatThisVersionDoesNotKnowIsNotApplied(t *testing.T) {
	good := func() [][]byte {
		_, args := transactionOf(t, "SET k v").Command(nil)
		return args
	}
	with := func(commands ...string) [][]byte {
		program := []byte{0}
		for _, line := range commands {
			program = AppendCommand(program, words(line))
		}
		return [][]byte{[]byte("ringkv.exec"), program, []byte("k")}
	}
	for name, args := range map[string][][]byte{
		"unknown command":   with("2 SETNEW k v"),
		"no command":        with("2"),
		"wrong arity":       with("2 SET k"),
		"internal command":  with("2 ringkv.expire k"),
		"a transaction":     with("2 ringkv.exec x k"),
		"all partitions":    with("2 FLUSHALL"),
		"connection":        with("2 PING"),
		"long protocol":     with("22 SET k v"),
		"empty program":     {[]byte("ringkv.exec"), nil, []byte("k")},
		"too many watched":  {[]byte("ringkv.exec"), []byte{2, 1, 1}, []byte("k")},
		"missing token":     {[]byte("ringkv.exec"), []byte{1}, []byte("k")},
		"cut off":           {[]byte("ringkv.exec"), good()[1][:5], []byte("k")},
		"write in the read": append([][]byte{[]byte("ringkv.execread")}, good()[1:]...),
		"no program":        good()[:1],
	} {
		c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
		var r Reply
		require.Nil(t, Executable(args), name)
		require.True(t, errors.Is(Apply(c, args, &r), ErrNotApplicable), name)
		require.Zero(t, c.Store.Revision(), name)
	}
	require.NotNil(t, Executable(good()))
}

// A transaction that cannot be applied would stop every replica of its partition. So
// whatever a client may queue, sensible or not, makes one that can.
func TestWhateverIsQueuedCanBeApplied(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	odd := []string{"", "0", "1", "-1", "2", "9223372036854775807", "x", "k", "{k}", "NX", "EX", "GET", "\xff\x00", "u8", "AND"}
	var specs []*Spec
	for id := range Specs() {
		if s := ByID(id); s.Flags&Internal == 0 && s.FitsTransaction() {
			specs = append(specs, s)
		}
	}
	require.Greater(t, len(specs), 30)
	for range 20_000 {
		tx := new(Transaction)
		for range 1 + rng.IntN(3) {
			spec := specs[rng.IntN(len(specs))]
			n := spec.Arity
			if n < 0 {
				n = -n + rng.IntN(4)
			}
			var args [][]byte
			for _, part := range strings.Split(spec.FullName, "|") {
				args = append(args, []byte(part))
			}
			for len(args) < n {
				args = append(args, []byte(odd[rng.IntN(len(odd))]))
			}
			tx.Add(spec, args, uint8(2+rng.IntN(2)))
		}
		spec, args := tx.Command(nil)
		require.Equal(t, spec, Executable(args), "%q", args)
	}
}

func FuzzTransaction(f *testing.F) {
	_, args := transactionOf(f, "SET k v", "GET k", "DEL k").Command([]Watched{{Key: []byte("k"), Token: 300}})
	f.Add(args[1], "k", "k")
	f.Fuzz(func(t *testing.T, program []byte, first, second string) {
		for _, name := range []string{"ringkv.exec", "ringkv.execfree", "ringkv.execread"} {
			args := [][]byte{[]byte(name), program, []byte(first), []byte(second)}
			a, b := &Context{Store: store.New(1), Now: testNow, Partitions: 1}, &Context{Store: store.New(1), Now: testNow, Partitions: 1}
			var two, three Reply
			three.Proto = 3
			if spec := Executable(args); spec == nil || bytesIn(program, "setrange", "setbit", "bitfield") {
				continue
			} else if !spec.IsWrite() {
				call := NewCall(spec, args, 2)
				call.Run(a)
				require.Zero(t, a.Store.Revision(), "a reading transaction writes nothing")
				two = call.Out
			} else {
				require.NoError(t, Apply(a, args, &two))
				require.NoError(t, Apply(b, args, &three))
				require.Equal(t, a.Store.Hash(), b.Store.Hash(), "the state does not depend on the protocol")
			}
			size, ok := ReplySize(two.Buf)
			require.True(t, ok && size == len(two.Buf), "%q", two.Buf)
		}
	})
}

// bytesIn tells whether there is a command that may take half a gigabyte.
func bytesIn(program []byte, names ...string) bool {
	for _, n := range names {
		if strings.Contains(strings.ToLower(string(program)), n) {
			return true
		}
	}
	return false
}

func BenchmarkTransaction(b *testing.B) {
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	tx := new(Transaction)
	for i := range 4 {
		tx.Add(Lookup([]byte("set")), words(fmt.Sprintf("SET {k}%d value", i)), 2)
	}
	_, args := tx.Command(nil)
	var r Reply
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		if err := Apply(c, args, &r); err != nil {
			b.Fatal(err)
		}
	}
}
