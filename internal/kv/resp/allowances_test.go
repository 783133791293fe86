package resp

import (
	"regexp"
	"strconv"
	"strings"
)

// allowances are the differences between our replies and those of Redis 7.0 that
// are meant to be. docs/commands.md tells users of those that are not Redis's own
// change to 7.2.
var allowances = []struct {
	commands string // whose first words match
	reason   string
	same     func(ours, theirs string) bool
}{
	{`TTL|EXPIRETIME`, "the two looked at the clock at different times", within(5)},
	{`PTTL|PEXPIRETIME`, "the two looked at the clock at different times", within(5000)},
	{`DUMP`, "Redis compresses strings of more than 20 bytes", func(ours, theirs string) bool {
		_, payload, ok := strings.Cut(theirs, "\r\n")
		return ok && strings.HasPrefix(payload, "\x00\xc3") && ours[0] == '$' && len(ours) > len(theirs)
	}},
	{`OBJECT ENCODING`, "Redis remembers that a value was made by changing another", func(ours, theirs string) bool {
		return theirs == "$3\r\nraw\r\n" && ours[0] == '$' || theirs == "$6\r\nembstr\r\n" && ours == "$3\r\nint\r\n"
	}},
	{`OBJECT REFCOUNT`, "Redis remembers that a value was made by changing another", func(ours, theirs string) bool {
		return ours == ":2147483647\r\n" && theirs == ":1\r\n"
	}},
	{`OBJECT IDLETIME`, "accesses are not recorded", func(ours, theirs string) bool { return ours == ":0\r\n" && theirs[0] == ':' }},
	{`MEMORY USAGE`, "the memory layout is another", func(ours, theirs string) bool { return ours[0] == ':' && theirs[0] == ':' }},
	{`LCS`, "ours takes the longer strings of a Redis with the default of 512 MiB", func(_, theirs string) bool {
		return theirs == "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n"
	}},
	{`RANDOMKEY`, "chance", func(ours, theirs string) bool { return isString(ours) && isString(theirs) }},
	{`BITCOUNT|BITPOS`, "Redis 7.2 checks the arguments even if there is no key, 7.0 did not", func(ours, theirs string) bool {
		return (theirs == ":0\r\n" || theirs == ":-1\r\n") &&
			(ours == "-ERR syntax error\r\n" || ours == "-ERR value is not an integer or out of range\r\n")
	}},
}

var allowedCommands = func() (out []*regexp.Regexp) {
	for _, a := range allowances {
		out = append(out, regexp.MustCompile(`^(?i:`+a.commands+`)( |$)`))
	}
	return out
}()

// allowed tells whether two replies that are not equal may differ as they do.
func allowed(args []string, ours, theirs string) bool {
	line := strings.Join(args[:min(2, len(args))], " ")
	for i, a := range allowances {
		if allowedCommands[i].MatchString(line) && a.same(ours, theirs) {
			return true
		}
	}
	return false
}

// isString tells whether a reply is a string that is there.
func isString(reply string) bool { return reply[0] == '$' && reply[1] != '-' }

// within allows two positive integers to differ by so much.
func within(by int64) func(ours, theirs string) bool {
	return func(ours, theirs string) bool {
		if ours[0] != ':' || theirs[0] != ':' {
			return false
		}
		x, _ := strconv.ParseInt(strings.TrimSpace(ours[1:]), 10, 64)
		y, _ := strconv.ParseInt(strings.TrimSpace(theirs[1:]), 10, 64)
		return x > 0 && y > 0 && max(x-y, y-x) <= by
	}
}
