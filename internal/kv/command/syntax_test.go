package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// written is the syntax of an argument, as the table writes it.
func written(a Argument) string {
	var core string
	switch a.Type {
	case TokenArgument:
		return inBrackets(a, a.Token)
	case BlockArgument:
		core = writtenAll(a.Arguments, " ")
	case ChoiceArgument:
		core = writtenAll(a.Arguments, " | ")
		if a.Multiple && !a.MultipleToken && a.Token == "" && a.Optional {
			return "[" + core + " [" + core + " ...]]" // the repetition is in the brackets of the choice
		}
		if a.Token != "" || !a.Optional || a.Multiple {
			core = "<" + core + ">"
		}
	default:
		core = a.Name
	}
	with := core
	if a.Token != "" {
		with = a.Token + " " + core
	}
	if a.MultipleToken {
		core = with
	}
	if a.Multiple {
		with += " [" + core + " ...]"
	}
	return inBrackets(a, with)
}

func inBrackets(a Argument, text string) string {
	if a.Optional {
		return "[" + text + "]"
	}
	return text
}

func writtenAll(arguments []Argument, separator string) string {
	var out []string
	for _, a := range arguments {
		out = append(out, written(a))
	}
	return strings.Join(out, separator)
}

func TestArgumentsSayAllThatTheSyntaxSays(t *testing.T) {
	for id := range Specs() {
		s := ByID(id)
		require.Equal(t, s.Syntax, writtenAll(s.Arguments(), " "), s.FullName)
	}
}

func TestEveryRequiredKeyIsMarkedAsOne(t *testing.T) {
	var count func(arguments []Argument) int
	count = func(arguments []Argument) (n int) {
		for _, a := range arguments {
			if a.Type == KeyArgument {
				n++
			}
			n += count(a.Arguments)
		}
		return n
	}
	for id := range Specs() {
		if s := ByID(id); s.Flags&Internal == 0 {
			want := 0
			for _, k := range s.KeySpecs {
				want++
				if k.Last > 0 {
					want += k.Last
				}
			}
			require.Equal(t, want, count(s.Arguments()), s.FullName)
		}
	}
}

// leastWords is the number of words that an argument takes at least.
func leastWords(a Argument) int {
	if a.Optional {
		return 0
	}
	n := 1
	if a.Type == ChoiceArgument || a.Type == BlockArgument {
		n = 0
		for i, each := range a.Arguments {
			switch words := leastWords(each); {
			case a.Type == BlockArgument:
				n += words
			case i == 0 || words < n:
				n = words
			}
		}
	}
	if a.Token != "" && a.Type != TokenArgument {
		n++
	}
	return n
}

// requiredArguments counts what the syntax demands, the name included.
func requiredArguments(s *Spec) int {
	n := len(strings.Split(s.FullName, "|"))
	for _, a := range s.Arguments() {
		n += leastWords(a)
	}
	return n
}
