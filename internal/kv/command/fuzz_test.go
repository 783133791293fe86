package command

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// oneReply returns what follows the reply that b begins with, or false.
func oneReply(b []byte) (rest []byte, ok bool) {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 1 {
		return nil, false
	}
	line, rest := b[:end], b[end+2:]
	switch line[0] {
	case '+', '-', ':', '_', '#', ',':
		return rest, !bytes.ContainsAny(line, "\r\n")
	case '$':
		if string(line) == "$-1" {
			return rest, true
		}
		n, ok := parseInt(line[1:])
		if !ok || n < 0 || int(n)+2 > len(rest) || string(rest[n:n+2]) != "\r\n" {
			return nil, false
		}
		return rest[n+2:], true
	case '*', '%', '~':
		n, ok := parseInt(line[1:])
		if line[0] == '%' {
			n *= 2
		}
		for ; ok && n > 0; n-- {
			rest, ok = oneReply(rest)
		}
		return rest, ok
	}
	return nil, false
}

// mayTakeMegabytes tells whether a command names a place far away in a value.
func mayTakeMegabytes(spec *Spec, args [][]byte) bool {
	switch spec.Name {
	case "setrange", "setbit":
		return len(args[2]) > 5
	case "bitfield":
		return slices.ContainsFunc(args[2:], func(arg []byte) bool { return len(arg) > 5 })
	}
	return false
}

// FuzzCommands runs lines of words, separated by 0xff and 0xfe. Whatever comes,
// each command gives one well-formed reply, and a store with another past that
// takes the writes from a batch ends up with the same content.
func FuzzCommands(f *testing.F) {
	for _, line := range []string{
		"SET\xffk\xffv\xffEX\xff10\xfeGET\xffk\xfeGETEX\xffk\xffPERSIST", "INCRBYFLOAT\xffk\xff1e10\xfeAPPEND\xffk\xffx\xfeKEYS\xff[*",
		"MSET\xffa\xff1\xffb\xff2\xfeMGET\xffa\xffb\xfeSCAN\xff0\xffCOUNT\xff5\xfeDEL\xffa", "SETRANGE\xffk\xff5\xffx\xfeGETRANGE\xffk\xff0\xff-1",
		"SETBIT\xffk\xff7\xff1\xfeGETBIT\xffk\xff7\xfeBITCOUNT\xffk\xff0\xff-1\xffBIT\xfeBITPOS\xffk\xff1\xfeBITOP\xffNOT\xffj\xffk",
		"BITFIELD\xffk\xffOVERFLOW\xffSAT\xffINCRBY\xffi5\xff#1\xff100\xffSET\xffu63\xff3\xff-1\xffGET\xffu8\xff0\xfeBITFIELD_RO\xffk\xffGET\xffi64\xff1",
		"MSETNX\xffa\xff1\xfeMSETEX\xff1\xffa\xff2\xffXX\xffKEEPTTL\xfeSET\xffa\xff3\xffIFEQ\xff2\xfeDELIFEQ\xffa\xff3",
		"RENAME\xffa\xffb\xfeRENAMENX\xffb\xffa\xfeCOPY\xffa\xffb\xffREPLACE\xfeLCS\xffa\xffb\xffIDX\xffMINMATCHLEN\xff1\xffWITHMATCHLEN",
		"OBJECT\xffENCODING\xffk\xfeMEMORY\xffUSAGE\xffk\xfeRANDOMKEY\xfeDUMP\xffk\xfeRESTORE\xffk\xff0\xff\x00\xc0\x05\x0b\x00\x87\x0d\xffREPLACE",
		"EXPIRE\xffk\xff10\xffNX\xfeTTL\xffk\xfeFLUSHALL\xfeCLIENT\xffx\xfenope\xff\r\n",
	} {
		f.Add([]byte(line), uint8(2))
		f.Add([]byte(line), uint8(3))
	}
	f.Fuzz(func(t *testing.T, script []byte, proto uint8) {
		leader := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
		batch := AppendBatchHeader(nil, 1, 1, testNow)
		var replies []string
		for line := range bytes.SplitSeq(script, []byte{0xfe}) {
			args := bytes.Split(line, []byte{0xff})
			r := Reply{Proto: proto}
			spec := Resolve(args, &r)
			if spec != nil && spec.Run == nil {
				continue // the server's
			}
			if spec != nil && mayTakeMegabytes(spec, args) {
				continue
			}
			if spec != nil {
				spec.Run(leader, args, &r)
			}
			rest, ok := oneReply(r.Buf)
			require.True(t, ok && len(rest) == 0, "%q is answered by %q", args, r.Buf)
			if spec != nil && spec.IsWrite() {
				batch = AppendCommand(batch, args)
				replies = append(replies, string(r.Buf))
			}
		}

		follower := &Context{Store: store.New(1), Now: 5, Partitions: 1}
		b, err := DecodeBatch(batch)
		require.NoError(t, err)
		follower.Now = b.Now
		r := Reply{Proto: proto}
		for args, ok := b.Next(nil); ok; args, ok = b.Next(args) {
			r.Reset()
			require.NoError(t, Apply(follower, args, &r))
			require.Equal(t, replies[0], string(r.Buf))
			replies = replies[1:]
		}
		require.Empty(t, replies)
		require.Equal(t, leader.Store.Hash(), follower.Store.Hash())
	})
}

func TestTheTableIsSound(t *testing.T) {
	for id := range Specs() {
		s := ByID(id)
		require.Equal(t, id, s.ID)
		require.NotEmpty(t, s.FullName)
		require.NotZero(t, s.Arity, s.FullName)
		require.LessOrEqual(t, len(s.Name), longestName, s.FullName)
		transaction := strings.HasPrefix(s.Name, "ringkv.exec")
		require.Equal(t, s.Scope == Connection || transaction, s.Run == nil, "%s: connection commands are the server's", s.FullName)
		require.Equal(t, s.Scope == Key || s.Scope == Keys || s.Name == "watch" || s.Name == "move", s.HasKeys(), "%s: keys", s.FullName)
		if s.Scope != Connection {
			require.True(t, s.IsWrite() != (s.Flags&ReadOnly != 0), "%s writes or reads", s.FullName)
		}
		require.Equal(t, s.Scope == Keys || s.Scope == Partitions, s.Merge != MergeNone, "%s: how replies are merged", s.FullName)
		require.False(t, s.Flags&DenyOOM != 0 && !s.IsWrite(), s.FullName)
		require.False(t, s.Length != nil && s.Flags&DenyOOM == 0, "%s may grow", s.FullName)
		if s.Flags&Internal == 0 {
			if len(s.Subcommands) == 0 {
				require.Equal(t, max(s.Arity, -s.Arity), requiredArguments(s), "%s: arguments that cannot be left out", s.FullName)
			}
			require.NotEmpty(t, s.Summary, s.FullName)
			require.NotEmpty(t, s.Since, s.FullName)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	name := []byte("PEXPIREAT")
	b.ReportAllocs()
	for b.Loop() {
		if Lookup(name) == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkApplySet(b *testing.B) {
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	payload := AppendBatchHeader(nil, 1, 1, testNow)
	for range 16 {
		payload = AppendCommand(payload, [][]byte{[]byte("SET"), []byte("key:000000000001"), make([]byte, 64)})
	}
	var args [][]byte
	var r Reply
	b.ReportAllocs()
	for b.Loop() {
		batch, err := DecodeBatch(payload)
		if err != nil {
			b.Fatal(err)
		}
		for {
			var ok bool
			if args, ok = batch.Next(args); !ok {
				break
			}
			r.Reset()
			if err := Apply(c, args, &r); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/command")
}
