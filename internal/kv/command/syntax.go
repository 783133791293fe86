package command

import (
	"slices"
	"strings"
)

// Argument is one of the arguments that a command takes, or several that belong
// together, in the terms of Redis 7's COMMAND DOCS.
type Argument struct {
	// Name of an argument that holds others is made of theirs.
	Name string
	Type ArgumentType
	// Token is the word before the argument, or that it consists of; empty: none.
	Token string
	// KeySpec is the index of the spec that finds a key.
	KeySpec int
	// Optional: it may be left out.
	Optional bool
	// Multiple: it may come several times, with MultipleToken each time after its
	// token.
	Multiple, MultipleToken bool
	// Arguments of a block follow each other, one of those of a choice is given.
	Arguments []Argument
}

// ArgumentType is what an argument is.
type ArgumentType string

// The types.
const (
	StringArgument   ArgumentType = "string"
	IntegerArgument  ArgumentType = "integer"
	DoubleArgument   ArgumentType = "double"
	KeyArgument      ArgumentType = "key"
	PatternArgument  ArgumentType = "pattern"
	UnixTimeArgument ArgumentType = "unix-time"
	TokenArgument    ArgumentType = "pure-token"
	ChoiceArgument   ArgumentType = "oneof"
	BlockArgument    ArgumentType = "block"
)

// typesByName are the types of arguments that are not strings. A name after that of a
// command stands for this command's alone.
var typesByName = map[string]ArgumentType{
	"bit": IntegerArgument, "bits": IntegerArgument, "client-id": IntegerArgument, "cluster-bus-port": IntegerArgument,
	"config-epoch": IntegerArgument, "count": IntegerArgument, "cursor": IntegerArgument, "db": IntegerArgument,
	"decrement": IntegerArgument, "destination-db": IntegerArgument, "end": IntegerArgument, "end-slot": IntegerArgument,
	"frequency": IntegerArgument, "increment": IntegerArgument, "index": IntegerArgument, "index1": IntegerArgument,
	"index2": IntegerArgument, "maxage": IntegerArgument, "milliseconds": IntegerArgument, "min-match-len": IntegerArgument,
	"numkeys": IntegerArgument, "numlocal": IntegerArgument, "numreplicas": IntegerArgument, "offset": IntegerArgument,
	"port": IntegerArgument, "protover": IntegerArgument, "seconds": IntegerArgument, "slot": IntegerArgument,
	"start": IntegerArgument, "start-slot": IntegerArgument, "timeout": IntegerArgument, "ttl": IntegerArgument,
	"unix-time-seconds": UnixTimeArgument, "unix-time-milliseconds": UnixTimeArgument, "pattern": PatternArgument,
	"incrbyfloat increment": DoubleArgument, "setbit value": IntegerArgument, "bitfield value": IntegerArgument,
}

// Arguments returns what Syntax says, piece by piece:
//
//	word           an argument
//	WORD           a token, which belongs to what follows it
//	[...]          may be left out
//	<... | ...>    one of several
//	x y [x y ...]  may be repeated
func (s *Spec) Arguments() []Argument {
	p := &syntaxParser{spec: s, left: syntaxWords(s.Syntax)}
	arguments := p.sequence()
	position := len(strings.Split(s.FullName, "|"))
	for i := range arguments {
		position = s.findKeys(&arguments[i], position)
	}
	return arguments
}

// findKeys marks the keys of an argument whose first word is at a position among the
// command's, and returns the position after it. What may be left out moves nothing:
// in all commands keys come before it.
func (s *Spec) findKeys(a *Argument, position int) int {
	if a.Optional {
		return position
	}
	if a.Type == ChoiceArgument {
		return position + 1
	}
	for i := range a.Arguments {
		position = s.findKeys(&a.Arguments[i], position)
	}
	if a.Type == BlockArgument {
		return position
	}
	for i, k := range s.KeySpecs {
		first, last := k.Begin, k.Begin+k.Last
		if k.ByCount {
			first, last = k.Begin+1, -1
		}
		if position >= first && (position-first)%k.Step == 0 && (position <= last || k.Last < 0 || k.ByCount) {
			a.Type, a.KeySpec = KeyArgument, i
		}
	}
	return position + 1
}

// syntaxWords takes a syntax apart: words, brackets, bars and ellipses.
func syntaxWords(syntax string) []string {
	for _, mark := range []string{"[", "]", "<", ">", "|"} {
		syntax = strings.ReplaceAll(syntax, mark, " "+mark+" ")
	}
	return strings.Fields(syntax)
}

type syntaxParser struct {
	spec *Spec
	left []string
	// choiceRepeated: the choice that is being read ends with its own repetition.
	choiceRepeated bool
}

// next removes the next word and returns it.
func (p *syntaxParser) next() string {
	word := p.left[0]
	p.left = p.left[1:]
	return word
}

// take removes the next word if it is this one.
func (p *syntaxParser) take(word string) bool {
	found := len(p.left) > 0 && p.left[0] == word
	if found {
		p.left = p.left[1:]
	}
	return found
}

// sequence reads arguments that follow each other, to the end of their group.
func (p *syntaxParser) sequence() []Argument {
	var out []Argument
	token := -1 // the last one's place, while what belongs to it follows
	end := func() {
		if token >= 0 {
			out = append(out[:token], withToken(out[token], out[token+1:]))
			token = -1
		}
	}
	for len(p.left) > 0 && !slices.Contains([]string{"]", ">", "|", "..."}, p.left[0]) {
		switch word := p.next(); {
		case word == "<":
			group, _ := p.group(">")
			out = append(out, together(group))
		case word == "[":
			group, repetition := p.group("]")
			if !repetition {
				a := together(group)
				a.Optional = true
				out = append(out, a)
				continue
			}
			if group[0].Token != "" {
				end()
			}
			out = p.repeat(out, group)
		case strings.ToLower(word) != word:
			end()
			token = len(out)
			out = append(out, Argument{Name: strings.ToLower(word), Type: TokenArgument, Token: word})
		default:
			out = append(out, Argument{Name: word, Type: p.typeOf(word)})
		}
	}
	end()
	return out
}

// group reads what is in brackets: arguments, or one choice. It tells whether they
// repeat those before them.
func (p *syntaxParser) group(closing string) (_ []Argument, repetition bool) {
	first := p.sequence()
	if p.take("|") {
		choice := Argument{Type: ChoiceArgument, Arguments: []Argument{together(first)}}
		for {
			p.choiceRepeated = false
			choice.Arguments = append(choice.Arguments, together(p.sequence()))
			if !p.take("|") {
				break
			}
		}
		choice.Name, choice.Multiple = joinNames(choice.Arguments), p.choiceRepeated
		p.choiceRepeated = false
		first = []Argument{choice}
	}
	repetition = p.take("...")
	p.take(closing)
	return first, repetition
}

// repeat makes the last arguments those that may come several times.
func (p *syntaxParser) repeat(before, group []Argument) []Argument {
	at := len(before) - len(group)
	switch {
	case len(group) > 1:
		return append(before[:at], Argument{Name: joinNames(group), Type: BlockArgument, Multiple: true, Arguments: slices.Clone(before[at:])})
	case group[0].Type == ChoiceArgument && before[at].Name != group[0].Name:
		p.choiceRepeated = true
	default:
		before[at].Multiple, before[at].MultipleToken = true, before[at].Token != ""
	}
	return before
}

// withToken puts a token before the arguments that follow it.
func withToken(token Argument, following []Argument) Argument {
	switch {
	case len(following) == 0:
		return token
	case len(following) == 1 && following[0].Token == "":
		a := following[0]
		a.Token = token.Token
		return a
	}
	return Argument{Name: token.Name, Type: BlockArgument, Token: token.Token, Arguments: slices.Clone(following)}
}

// together makes one argument of several.
func together(arguments []Argument) Argument {
	if len(arguments) == 1 {
		return arguments[0]
	}
	return Argument{Name: joinNames(arguments), Type: BlockArgument, Arguments: arguments}
}

func joinNames(arguments []Argument) string {
	names := make([]string, len(arguments))
	for i, a := range arguments {
		names[i] = a.Name
	}
	return strings.Join(names, "_")
}

func (p *syntaxParser) typeOf(name string) ArgumentType {
	for _, known := range []string{p.spec.FullName + " " + name, name} {
		if t, ok := typesByName[known]; ok {
			return t
		}
	}
	return StringArgument
}
