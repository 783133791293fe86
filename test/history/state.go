package history

import (
	"fmt"
	"strconv"
	"strings"
)

// State is the values of a few keys, in a form that can be compared: "key=value"
// lines in the order of the keys. Neither may contain a line break, and no value is
// empty.
type State string

// Get returns the value of key; "" if there is none.
func (s State) Get(key string) string {
	for line := range strings.Lines(string(s)) {
		if k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "="); k == key {
			return v
		}
	}
	return ""
}

// Set returns s with another value of key; "" removes it.
func (s State) Set(key, value string) State {
	var b strings.Builder
	line := key + "=" + value + "\n"
	done := value == ""
	for l := range strings.Lines(string(s)) {
		k, _, _ := strings.Cut(l, "=")
		if !done && key <= k {
			b.WriteString(line)
			done = true
		}
		if k != key {
			b.WriteString(l)
		}
	}
	if !done {
		b.WriteString(line)
	}
	return State(b.String())
}

func bulk(value string) string {
	if value == "" {
		return "$-1\r\n"
	}
	return fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
}

// Execute returns what a command answers, as RESP2, and the state after it. It knows
// the commands GET, MGET, SET with at most one of the options GET, NX and IFEQ, DEL of
// one key, INCRBY and APPEND; it panics on others.
func Execute(s State, command []string) (reply string, next State) {
	switch command[0] {
	case "GET":
		return bulk(s.Get(command[1])), s
	case "MGET":
		var b strings.Builder
		fmt.Fprintf(&b, "*%d\r\n", len(command)-1)
		for _, key := range command[1:] {
			b.WriteString(bulk(s.Get(key)))
		}
		return b.String(), s
	case "DEL":
		if s.Get(command[1]) == "" {
			return ":0\r\n", s
		}
		return ":1\r\n", s.Set(command[1], "")
	case "INCRBY":
		n, _ := strconv.Atoi(s.Get(command[1])) // no value counts as 0
		by, _ := strconv.Atoi(command[2])
		return fmt.Sprintf(":%d\r\n", n+by), s.Set(command[1], strconv.Itoa(n+by))
	case "APPEND":
		value := s.Get(command[1]) + command[2]
		return fmt.Sprintf(":%d\r\n", len(value)), s.Set(command[1], value)
	case "SET":
		return set(s, command)
	}
	panic("history: what does " + command[0] + " mean?")
}

func set(s State, command []string) (reply string, next State) {
	was, option := s.Get(command[1]), ""
	if len(command) > 3 {
		option = command[3]
	}
	switch next = s.Set(command[1], command[2]); {
	case option == "GET":
		return bulk(was), next
	case option == "NX" && was != "", option == "IFEQ" && was != command[4]:
		return bulk(""), s
	}
	return "+OK\r\n", next
}
