package shell

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLinesAreCutIntoWordsAsTheyAreMeant(t *testing.T) {
	for line, want := range map[string][]string{
		"":                               nil,
		"  \t ":                          nil,
		"# a comment":                    nil,
		"put apple 123":                  {"put", "apple", "123"},
		"  put\tapple  123 # why":        {"put", "apple", "123"},
		"put a#b c":                      {"put", "a#b", "c"},
		`put "a b" 'c "d" \n'`:           {"put", "a b", `c "d" \n`},
		`put "" ''`:                      {"put", "", ""},
		`put x"y z"'w' \ \"`:             {"put", "xy zw", ` "`},
		`put bin "\x00\xff\r\n\"\u00e9"`: {"put", "bin", "\x00\xff\r\n\"é"},
	} {
		got, err := Split(line)
		require.NoError(t, err, line)
		require.Equal(t, want, got, line)
	}
	for _, line := range []string{`put "a`, `put 'a`, `put a\`, `put "\q"`, `"`} {
		_, err := Split(line)
		require.Error(t, err, line)
	}
}

func TestAPipeRunsEveryLineAndCountsWhatFailed(t *testing.T) {
	var ran []string
	var said strings.Builder
	s := &Shell{Err: &said, Run: func(_ context.Context, words []string) error {
		ran = append(ran, strings.Join(words, "|"))
		switch words[0] {
		case "bad":
			return errors.New("it is bad")
		case "exit":
			return ErrExit
		case "no":
			return ErrFailed
		}
		return nil
	}}
	failed, err := s.Pipe(t.Context(), strings.NewReader("good 1\n\n# nothing\nbad\nput 'x\nno\ngood 2\nexit\ngood 3\n"))
	require.NoError(t, err)
	require.Equal(t, 3, failed)
	require.Equal(t, []string{"good|1", "bad", "no", "good|2", "exit"}, ran)
	require.Equal(t, "line 4: it is bad\nline 5: a quotation is not ended\n", said.String())
}
