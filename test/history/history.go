// Package history judges what clients did and saw: whether there is an order of
// all operations, each at some moment between its call and its return, in which a
// single copy of the data would have given the same answers.
//
// The search is that of porcupine (Wing and Gong 1993, Lowe 2017). This package
// adds what the commands of ringkv mean.
package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Outcome is what is known of an operation after it ended.
type Outcome uint8

// The outcomes.
const (
	Answered Outcome = iota // its answer is known
	Unknown                 // it may have happened or not, or may happen yet
	Refused                 // it certainly did not happen
)

func (o Outcome) String() string { return [...]string{"ok", "unknown", "refused"}[o] }

// Operation is one or several commands that a client had executed as one: what
// they say happens at one moment, or does not happen.
type Operation struct {
	Client   int
	Commands [][]string
	// Guard is the value that GuardKey had to have for the commands to be executed,
	// as the client had seen it before; absent is "". No GuardKey, no such condition.
	GuardKey, Guard string
	Outcome         Outcome
	// Reply is what was answered: the replies of all commands, one after the other,
	// as they stand on a RESP2 connection. NotMet if the guard did not hold.
	Reply        string
	Call, Return int64 // nanoseconds; Return has no meaning if the outcome is unknown
}

// NotMet is the reply to an operation whose guard did not hold.
const NotMet = "guard not met"

func (o *Operation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "client %d, %.4f to %.4f: ", o.Client, time.Duration(o.Call).Seconds(), time.Duration(o.Return).Seconds())
	if o.GuardKey != "" {
		fmt.Fprintf(&b, "if %s is %q: ", o.GuardKey, o.Guard)
	}
	for i, c := range o.Commands {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(strings.Join(c, " "))
	}
	fmt.Fprintf(&b, " -> %s %q", o.Outcome, o.Reply)
	return b.String()
}

// apply executes the operation on s.
func (o *Operation) apply(s State) (reply string, next State) {
	if o.GuardKey != "" && s.Get(o.GuardKey) != o.Guard {
		return NotMet, s
	}
	next = s
	for _, c := range o.Commands {
		var r string
		r, next = Execute(next, c)
		reply += r
	}
	return reply, next
}

// Writes tells whether the operation changes anything if it happens.
func (o *Operation) Writes() bool {
	return slices.ContainsFunc(o.Commands, func(c []string) bool { return c[0] != "GET" && c[0] != "MGET" })
}

var model = porcupine.Model{
	Init: func() any { return State("") },
	Step: func(s, in, out any) (bool, any) {
		reply, next := in.(*Operation).apply(s.(State))
		return out == nil || out.(string) == reply, next
	},
}

// Verdict is the result of a check.
type Verdict uint8

// The verdicts.
const (
	Linearizable Verdict = iota
	Illegal
	Undecided // the search took too long
)

// Check judges the operations on keys that no other operation touches. A search
// that takes longer than timeout is given up.
func Check(operations []*Operation, timeout time.Duration) Verdict {
	history := make([]porcupine.Operation, 0, len(operations))
	for _, o := range operations {
		p := porcupine.Operation{ClientId: o.Client, Input: o, Call: o.Call, Return: math.MaxInt64}
		switch {
		case o.Outcome == Answered:
			p.Output, p.Return = o.Reply, o.Return
		case o.Outcome == Refused || !o.Writes():
			continue
		}
		history = append(history, p)
	}
	switch porcupine.CheckOperationsTimeout(model, history, timeout) {
	case porcupine.Ok:
		return Linearizable
	case porcupine.Illegal:
		return Illegal
	}
	return Undecided
}

// Explain returns the end of the shortest beginning of an illegal history that is
// already illegal, one operation a line.
func Explain(operations []*Operation, timeout time.Duration) string {
	ordered := slices.Clone(operations)
	slices.SortStableFunc(ordered, func(a, b *Operation) int { return cmp.Compare(a.Call, b.Call) })
	low, high := 0, len(ordered)
	for low < high {
		if middle := (low + high) / 2; Check(ordered[:middle], timeout) == Illegal {
			high = middle
		} else {
			low = middle + 1
		}
	}
	const context = 16
	var b strings.Builder
	for _, o := range ordered[max(0, low-context):min(low, len(ordered))] {
		fmt.Fprintf(&b, "  %v\n", o)
	}
	return b.String()
}
