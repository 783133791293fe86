package resp

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parseAll gives the parser the input in pieces of random sizes and returns the
// commands, printed, and the error.
func parseAll(input []byte, piece func() int, maxBulk int) (commands []string, err error) {
	p := newParser(maxBulk, 100*maxBulk)
	for {
		for {
			args, ok, err := p.command(nil)
			if err != nil {
				return commands, err
			}
			if !ok {
				break
			}
			commands = append(commands, fmt.Sprintf("%q", args))
		}
		if len(input) == 0 {
			return commands, nil
		}
		n := copy(p.room(), input[:min(piece(), len(input))])
		p.filled(n)
		input = input[n:]
	}
}

func TestParserReadsCommandsHoweverTheyArrive(t *testing.T) {
	big := strings.Repeat("v", 100_000)
	input := []byte("*1\r\n$4\r\nPING\r\n" +
		"\r\n\n" + "PING\r\n" + "  set  k\t'a b' \n" + `set k "\x41\n\"" ''` + "\r\n" +
		"*0\r\n*-1\r\n" +
		"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n" + big + "\r\n" +
		"*2\r\n$3\r\nGET\r\n$0\r\n\r\n" + `x"y z"` + "\n")
	want := []string{
		`["PING"]`, `["PING"]`, `["set" "k" "a b"]`, `["set" "k" "A\n\"" ""]`,
		`["SET" "k" "` + big + `"]`, `["GET" ""]`, `["xy z"]`,
	}
	for _, size := range []int{1, 2, 3, 7, 100, 5000, 1 << 20} {
		got, err := parseAll(input, func() int { return size }, 1<<20)
		require.NoError(t, err)
		require.Equal(t, want, got, "in pieces of %d", size)
	}
}

func TestProtocolErrorsAreWordedAsInRedis(t *testing.T) {
	for input, want := range map[string]string{
		"*x\r\n":                                "Protocol error: invalid multibulk length",
		"*2147483648\r\n":                       "Protocol error: invalid multibulk length",
		"*99999999999999999999\r\n":             "Protocol error: invalid multibulk length",
		"*1\r\nPING\r\n":                        "Protocol error: expected '$', got 'P'",
		"*1\r\n\r\n":                            "Protocol error: expected '$', got ' '",
		"*1\r\n$x\r\n":                          "Protocol error: invalid bulk length",
		"*1\r\n$-1\r\n":                         "Protocol error: invalid bulk length",
		"*1\r\n$1025\r\n":                       "Protocol error: invalid bulk length",
		"*1\r\n$01\r\n":                         "Protocol error: invalid bulk length",
		"set k \"v\r\n":                         "Protocol error: unbalanced quotes in request",
		"set k \"v\"x\r\n":                      "Protocol error: unbalanced quotes in request",
		"set k 'v\r\n":                          "Protocol error: unbalanced quotes in request",
		strings.Repeat("x", 70_000):             "Protocol error: too big inline request",
		"*" + strings.Repeat("1", 70_000):       "Protocol error: too big mbulk count string",
		"*1\r\n$" + strings.Repeat("1", 70_000): "Protocol error: too big bulk count string",
		"*1000\r\n" + strings.Repeat("$1024\r\n"+strings.Repeat("x", 1024)+"\r\n", 200): "Protocol error: too big request",
	} {
		_, err := parseAll([]byte(input), func() int { return 1 << 20 }, 1024)
		require.EqualError(t, err, want, "%.40q", input)
	}
}

func TestParserBelievesNoAnnouncedLength(t *testing.T) {
	p := newParser(64<<20, 256<<20)
	head := "*2147483647\r\n$67108864\r\nabc"
	p.filled(copy(p.room(), head))
	_, ok, err := p.command(nil)
	require.NoError(t, err)
	require.False(t, ok)
	p.room()
	require.LessOrEqual(t, cap(p.buf), 2*minReadBuffer)
	require.LessOrEqual(t, cap(p.spans), 16)
}

func TestParserGivesABigBufferBack(t *testing.T) {
	p := newParser(64<<20, 256<<20)
	input := []byte("*1\r\n$1000000\r\n" + strings.Repeat("x", 1_000_000) + "\r\n*1\r\n")
	for len(input) > 0 {
		_, ok, err := p.command(nil)
		require.NoError(t, err)
		require.False(t, ok)
		n := copy(p.room(), input)
		p.filled(n)
		input = input[n:]
	}
	args, ok, err := p.command(nil)
	require.NoError(t, err)
	require.True(t, ok)
	require.Len(t, args[0], 1_000_000)
	_, ok, err = p.command(nil)
	require.NoError(t, err)
	require.False(t, ok)
	p.filled(copy(p.room(), "$4\r\nPING\r\n"))
	require.Equal(t, minReadBuffer, cap(p.buf))
	args, ok, _ = p.command(nil)
	require.True(t, ok)
	require.Equal(t, "PING", string(args[0]))
}

func FuzzParser(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n"), uint64(1))
	f.Add([]byte("set k \"\\x41\" 'b'\r\n*0\r\n*1\r\n$1\r\n"), uint64(2))
	f.Fuzz(func(t *testing.T, input []byte, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		whole, wholeErr := parseAll(input, func() int { return 1 << 30 }, 1<<16)
		pieces, piecesErr := parseAll(input, func() int { return 1 + rng.IntN(9) }, 1<<16)
		require.Equal(t, whole, pieces)
		require.Equal(t, wholeErr, piecesErr)
	})
}

func BenchmarkParser(b *testing.B) {
	input := []byte(strings.Repeat("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$64\r\n"+strings.Repeat("v", 64)+"\r\n", 16))
	p := newParser(64<<20, 256<<20)
	args := make([][]byte, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		p.filled(copy(p.room(), input))
		for {
			var ok bool
			if args, ok, _ = p.command(args[:0]); !ok {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/command")
}
