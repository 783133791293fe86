package sim

import (
	"math/rand/v2"
	"strconv"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// versionKeys is how many keys are changed by their version.
const versionKeys = 3

// version names a value of a key.
type version struct {
	key    string
	number uint64
}

// nextVersion reads a key with its version, and then sets or deletes it only if it still
// has that version, or is still not there. No value is written twice, so the version says
// what the value says, and the history is that of a register that is compared and set.
func (c *clients) nextVersion(client int, random *rand.Rand, p *process, again func()) {
	read := c.add(client, "version"+strconv.Itoa(random.IntN(versionKeys)), "GET", false)
	read.args = read.args[:2]
	read.spec, read.raw = command.Lookup([]byte("ringkv.read")), bytesOf([]string{"ringkv.read", read.key})
	var seen command.OpResult
	read.decode = func(reply string) string {
		seen = c.resultIn(read, reply)
		if !seen.Found {
			return state{}.bulk()
		}
		c.hasVersion(read, version{read.key, seen.Version}, string(seen.Value))
		return bulk(string(seen.Value))
	}
	c.submit(p, []*operation{read}, func() {
		if read.outcome != answered || random.IntN(4) == 0 {
			again()
			return
		}
		q := c.w.machines[random.IntN(len(c.w.machines))].process
		if q == nil || q.node == nil {
			again()
			return
		}
		name, op := "PUTIF", command.Op{Kind: command.OpPut, IfVersion: seen.Version, HasVersion: seen.Found, IfAbsent: !seen.Found}
		if seen.Found && random.IntN(3) == 0 {
			name, op.Kind = "DELETEIF", command.OpDelete
		}
		o := c.add(client, read.key, name, true)
		o.args = append(o.args, read.reply)
		op.Key, op.Value = []byte(o.key), []byte(o.args[2])
		o.spec, o.raw = command.WriteArgs([]command.Op{op}, random.IntN(2) == 0, nil)
		o.decode = func(reply string) string {
			switch result := c.resultIn(o, reply); result.Status {
			case command.OpDone:
				if op.Kind == command.OpPut {
					c.hasVersion(o, version{o.key, result.Version}, o.args[2])
				}
				return conditionMet
			case command.OpConditionNotMet:
				if result.Found == seen.Found && result.Version == seen.Version {
					c.w.fail("a condition is not met by the version %d that it names: %v", seen.Version, o)
				}
				return conditionNotMet
			default:
				return reply
			}
		}
		c.submit(q, []*operation{o}, again)
	})
}

// What comes of a write with a condition, in a history.
const (
	conditionMet    = "met"
	conditionNotMet = "not met"
)

// resultIn returns the result in the reply to one operation.
func (c *clients) resultIn(o *operation, reply string) command.OpResult {
	results, err := command.DecodeResults([]byte(reply))
	if err != nil || len(results) != 1 {
		c.w.fail("the reply %q cannot be read: %v", reply, o)
		return command.OpResult{}
	}
	return results[0]
}

// hasVersion checks that a version has never named another value, nor will.
func (c *clients) hasVersion(o *operation, v version, value string) {
	if was, known := c.versions[v]; known && was != value {
		c.w.fail("version %d of %s is %q and was %q: %v", v.number, v.key, value, was, o)
	}
	c.versions[v] = value
}

// conditionStep is what the store promises for writes with a condition.
func conditionStep(s state, o *operation) (reply string, next state) {
	switch {
	case s.bulk() != o.args[3]:
		return conditionNotMet, s
	case o.args[0] == "DELETEIF":
		return conditionMet, state{}
	}
	return conditionMet, state{present: true, value: o.args[2]}
}
