package command

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/store"
)

const changesName = "ringkv.changes"

// Kinds of interest in changes.
const (
	aboutKey    = "key"
	aboutPrefix = "prefix"
)

// errors of RINGKV.CHANGES.
const (
	errCompacted = "COMPACTED the oldest revision that is kept is "
	errAhead     = "AHEAD the newest revision is "
)

// FromNow as the revision to go on after asks for the newest one.
const FromNow = math.MaxUint64

// ChangesRequest asks for the changes of one partition. Only its leader answers.
type ChangesRequest struct {
	Partition uint32
	// After is the last revision that the caller has, or FromNow.
	After uint64
	// Wait is how long the leader may wait for a first change.
	Wait time.Duration
	// Key, if it is not nil, is the only key of interest; otherwise those that begin
	// with Prefix are.
	Key, Prefix []byte
	// Bytes is how many bytes of changes the answer should have at most; a single one
	// may be longer.
	Bytes int
}

// ChangesArgs makes the arguments of a request.
func ChangesArgs(r *ChangesRequest) (*Spec, [][]byte) {
	kind, filter := aboutPrefix, r.Prefix
	if r.Key != nil {
		kind, filter = aboutKey, r.Key
	}
	return byName[changesName], [][]byte{
		[]byte(changesName), strconv.AppendUint(nil, uint64(r.Partition)<<cursorBits, 10), strconv.AppendUint(nil, r.After, 10),
		strconv.AppendInt(nil, r.Wait.Milliseconds(), 10), []byte(kind), filter, strconv.AppendInt(nil, int64(r.Bytes), 10),
	}
}

// ChangesWait returns how long a call may be held until there is something to tell; 0
// unless it asks for changes.
func (c *Call) ChangesWait() time.Duration {
	if c.Spec.Name != changesName {
		return 0
	}
	ms, _ := parseInt(c.Args[3])
	return time.Duration(min(max(ms, 0), maxChangesWait.Milliseconds())) * time.Millisecond
}

const maxChangesWait = time.Minute

// LeaderOnly tells whether a read must not be answered by any replica.
func (c *Call) LeaderOnly() bool { return c.Spec.Name == changesName }

// GoOn tells whether the reply to a request for changes has none, and up to which
// revision. If so the call becomes the request for what comes after.
func (c *Call) GoOn() (revision uint64, ok bool) {
	if c.Out.IsError() {
		return 0, false
	}
	changes, err := DecodeChanges(c.Out.Buf)
	if err != nil || len(changes.Changes) > 0 {
		return 0, false
	}
	args := append([][]byte(nil), c.Args...) // the caller's own
	args[2] = strconv.AppendUint(nil, changes.Revision, 10)
	c.Args = args
	c.Out.Reset()
	return changes.Revision, true
}

// Interest returns what a request for changes is about: one key, or all that begin with a
// prefix.
func (c *Call) Interest() (filter []byte, isKey bool) {
	return c.Args[5], string(c.Args[4]) == aboutKey
}

// SkipTo lets a request for changes that GoOn has prepared go on after a later revision,
// up to which nothing is of interest.
func (c *Call) SkipTo(revision uint64) {
	if after, err := strconv.ParseUint(string(c.Args[2]), 10, 64); err == nil && after < revision {
		c.Args[2] = strconv.AppendUint(nil, revision, 10)
	}
}

// RINGKV.CHANGES cursor revision wait kind filter bytes: the revision up to which it
// tells, then kind, revision, key, value, expireAt and omitted for each change.
func kvChanges(c *Context, args [][]byte, r *Reply) {
	cursor, ok := parseCursor(args[1])
	after, err := strconv.ParseUint(string(args[2]), 10, 64)
	if !ok || cursor>>cursorBits != uint64(c.Partition) || err != nil {
		r.Error(ErrCursor)
		return
	}
	left, ok := intArg(args[6], r)
	if !ok {
		return
	}
	newest := c.Store.Revision()
	if after == FromNow {
		after = newest
	}
	if after > newest {
		r.Error(errAhead + strconv.FormatUint(newest, 10))
		return
	}
	wanted := bytes.HasPrefix
	if string(args[4]) == aboutKey {
		wanted = bytes.Equal
	}
	found, until := 0, newest
	changes := Reply{Buf: c.scratch[:0]}
	kept := c.Store.Changes(after, func(ch store.Change) bool {
		if ch.Kind != store.ChangeClear && !wanted(ch.Key, args[5]) {
			return true
		}
		size := int64(len(ch.Key) + len(ch.Value) + 64)
		if size > left && found > 0 {
			until = ch.Revision - 1
			return false
		}
		left -= size
		found++
		appendChange(&changes, &ch)
		return true
	})
	c.keep(changes.Buf)
	if !kept {
		r.Error(errCompacted + strconv.FormatUint(c.Store.Oldest(), 10))
		return
	}
	r.Array(1 + changeFields*found)
	var digits [20]byte
	r.Bulk(strconv.AppendUint(digits[:0], until, 10))
	r.Buf = append(r.Buf, changes.Buf...)
}

const changeFields = 6

func appendChange(r *Reply, ch *store.Change) {
	var digits [20]byte
	r.Bulk(strconv.AppendUint(digits[:0], uint64(ch.Kind), 10))
	r.Bulk(strconv.AppendUint(digits[:0], ch.Revision, 10))
	r.Bulk(ch.Key)
	r.Bulk(ch.Value)
	r.Bulk(strconv.AppendInt(digits[:0], ch.ExpireAt, 10))
	omitted := "0"
	if ch.Omitted {
		omitted = "1"
	}
	r.BulkString(omitted)
}

// Changes is what a partition tells.
type Changes struct {
	// Revision is up to where all changes of interest are here.
	Revision uint64
	Changes  []store.Change // they alias the reply
}

// DecodeChanges reads the reply to a request for changes, which is no error.
func DecodeChanges(reply []byte) (*Changes, error) {
	elements, err := decodeStrings(reply)
	if err != nil {
		return nil, err
	}
	if len(elements)%changeFields != 1 {
		return nil, errBadResult
	}
	number := func(b []byte) uint64 {
		n, nerr := strconv.ParseUint(string(b), 10, 64)
		err = errors.Join(err, nerr)
		return n
	}
	out := &Changes{Revision: number(elements[0])}
	for e := elements[1:]; len(e) > 0; e = e[changeFields:] {
		out.Changes = append(out.Changes, store.Change{
			Kind: store.ChangeKind(number(e[0])), Revision: number(e[1]), Key: e[2], Value: e[3],
			ExpireAt: int64(number(e[4])), Omitted: string(e[5]) == "1",
		})
	}
	if err != nil {
		return nil, fmt.Errorf("changes: %w", errors.Join(errBadResult, err))
	}
	return out, nil
}

// Compacted tells whether an error reply says that changes are not kept any more, and
// which is the oldest that is.
func Compacted(reply []byte) (oldest uint64, ok bool) { return errorNumber(reply, errCompacted) }

// Ahead tells whether an error reply says that the revision that was asked for does not
// exist yet, and which is the newest.
func Ahead(reply []byte) (newest uint64, ok bool) { return errorNumber(reply, errAhead) }

func errorNumber(reply []byte, message string) (uint64, bool) {
	digits, ok := strings.CutPrefix(strings.TrimRight(string(reply), "\r\n"), "-"+message)
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil
}
