package history

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = time.Minute

// at is an operation of one command between two moments.
func at(call, ret int64, reply string, command ...string) *Operation {
	return &Operation{Commands: [][]string{command}, Reply: reply, Call: call, Return: ret}
}

func unknown(o *Operation) *Operation {
	o.Outcome, o.Reply = Unknown, ""
	return o
}

func refused(o *Operation) *Operation {
	o.Outcome, o.Reply = Refused, "-ERR\r\n"
	return o
}

func TestWhatOneCopyCouldNotAnswerIsIllegal(t *testing.T) {
	for name, c := range map[string]struct {
		want       Verdict
		operations []*Operation
	}{
		"a read of the last write": {Linearizable, []*Operation{
			at(1, 2, "+OK\r\n", "SET", "a", "1"), at(3, 4, "$1\r\n1\r\n", "GET", "a"),
		}},
		"a lost write": {Illegal, []*Operation{
			at(1, 2, "+OK\r\n", "SET", "a", "1"), at(3, 4, "$-1\r\n", "GET", "a"),
		}},
		"a stale read": {Illegal, []*Operation{
			at(1, 2, "+OK\r\n", "SET", "a", "1"), at(3, 4, "+OK\r\n", "SET", "a", "2"), at(5, 6, "$1\r\n1\r\n", "GET", "a"),
		}},
		"a read beside a write": {Linearizable, []*Operation{
			at(1, 2, "+OK\r\n", "SET", "a", "1"), at(3, 9, "+OK\r\n", "SET", "a", "2"), at(5, 6, "$1\r\n1\r\n", "GET", "a"),
		}},
		"an unknown write that comes late": {Linearizable, []*Operation{
			unknown(at(1, 2, "", "SET", "a", "1")), at(3, 4, "+OK\r\n", "SET", "a", "2"), at(5, 6, "$1\r\n1\r\n", "GET", "a"),
		}},
		"an unknown write that comes twice": {Illegal, []*Operation{
			unknown(at(1, 2, "", "INCRBY", "a", "5")), at(3, 4, "$2\r\n10\r\n", "GET", "a"),
		}},
		"a refused write that was done": {Illegal, []*Operation{
			refused(at(1, 2, "", "SET", "a", "1")), at(3, 4, "$1\r\n1\r\n", "GET", "a"),
		}},
		"a comparison that held": {Linearizable, []*Operation{
			at(1, 2, "+OK\r\n", "SET", "a", "1"), at(3, 4, "+OK\r\n", "SET", "a", "2", "IFEQ", "1"), at(5, 6, "$-1\r\n", "SET", "a", "3", "IFEQ", "1"),
		}},
		"a comparison that two won": {Illegal, []*Operation{
			at(1, 2, "+OK\r\n", "SET", "a", "1"), at(3, 9, "+OK\r\n", "SET", "a", "2", "IFEQ", "1"), at(3, 9, "+OK\r\n", "SET", "a", "3", "IFEQ", "1"),
		}},
	} {
		require.Equal(t, c.want, Check(c.operations, patience), name)
	}
}

func TestATransactionIsSeenWholeOrNotAtAll(t *testing.T) {
	transfer := &Operation{Commands: [][]string{{"INCRBY", "a", "5"}, {"INCRBY", "b", "-5"}}, Reply: ":5\r\n:-5\r\n", Call: 1, Return: 9}
	require.Equal(t, Linearizable, Check([]*Operation{transfer, at(3, 4, "*2\r\n$1\r\n5\r\n$2\r\n-5\r\n", "MGET", "a", "b")}, patience))
	require.Equal(t, Linearizable, Check([]*Operation{transfer, at(3, 4, "*2\r\n$-1\r\n$-1\r\n", "MGET", "a", "b")}, patience))
	require.Equal(t, Illegal, Check([]*Operation{transfer, at(3, 4, "*2\r\n$1\r\n5\r\n$-1\r\n", "MGET", "a", "b")}, patience))
}

func TestAGuardHoldsAtTheMomentOfTheWrite(t *testing.T) {
	guarded := func(reply string) *Operation {
		return &Operation{Commands: [][]string{{"SET", "a", "3"}}, GuardKey: "a", Guard: "1", Reply: reply, Call: 5, Return: 6}
	}
	first := at(1, 2, "+OK\r\n", "SET", "a", "1")
	require.Equal(t, Linearizable, Check([]*Operation{first, guarded("+OK\r\n")}, patience))
	require.Equal(t, Illegal, Check([]*Operation{first, guarded(NotMet)}, patience))
	between := at(3, 4, "+OK\r\n", "SET", "a", "2")
	require.Equal(t, Illegal, Check([]*Operation{first, between, guarded("+OK\r\n")}, patience), "a lost update")
	require.Equal(t, Linearizable, Check([]*Operation{first, between, guarded(NotMet)}, patience))
}

func TestTheExplanationEndsWithWhatCannotBe(t *testing.T) {
	history := []*Operation{
		at(1, 2, "+OK\r\n", "SET", "a", "1"), at(3, 4, "$-1\r\n", "GET", "a"), at(5, 6, "$1\r\n1\r\n", "GET", "a"),
	}
	require.Regexp(t, `GET a -> ok "\$-1.*\n$`, Explain(history, patience))
}

func TestTheStateKeepsItsKeysInOrder(t *testing.T) {
	s := State("").Set("b", "2").Set("a", "1").Set("c", "3").Set("b", "4").Set("c", "")
	require.Equal(t, State("a=1\nb=4\n"), s)
	require.Equal(t, "4", s.Get("b"))
	require.Empty(t, s.Get("c"))
	reply, s := Execute(s, []string{"DEL", "a"})
	require.Equal(t, ":1\r\n", reply)
	reply, s = Execute(s, []string{"APPEND", "b", "x"})
	require.Equal(t, ":2\r\n", reply)
	require.Equal(t, State("b=4x\n"), s)
}
