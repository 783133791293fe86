package resp

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

const errClientName = "ERR Client names cannot contain spaces, newlines or special characters."

var clientHelp = []string{
	"CACHING (YES|NO)", "    Refused: client-side caching is not supported.",
	"GETNAME", "    Return the name of the current connection.",
	"GETREDIR", "    Return the client ID we are redirecting to when tracking is enabled: none.",
	"ID", "    Return the ID of the current connection.",
	"INFO", "    Return information about the current client connection.",
	"KILL <ip:port>", "    Kill connection made from <ip:port>.",
	"KILL <option> <value> [<option> <value> [...]]", "    Kill connections. Options are: ADDR, LADDR, TYPE, USER, SKIPME, ID, MAXAGE.",
	"LIST [options ...]", "    Return information about client connections. Options: TYPE, ID.",
	"NO-EVICT (ON|OFF)", "    Accepted; clients are never evicted.",
	"NO-TOUCH (ON|OFF)", "    Accepted; there is no LRU/LFU.",
	"PAUSE <timeout> [WRITE|ALL]", "    Hold the commands of this node's clients, or only writes, for <timeout> milliseconds.",
	"REPLY (ON|OFF|SKIP)", "    Control the replies sent to the current connection.",
	"SETINFO <option> <value>", "    Set client meta attr. Options are: LIB-NAME, LIB-VER.",
	"SETNAME <name>", "    Assign the name <name> to the current connection.",
	"TRACKING (ON|OFF)", "    Refused: client-side caching is not supported.",
	"TRACKINGINFO", "    Report tracking status for the current connection: it is off.",
	"UNBLOCK <clientid> [TIMEOUT|ERROR]", "    Unblock the specified blocked client: no command blocks.",
	"UNPAUSE", "    Stop the current client pause.",
}

// validName tells whether a name has only printable characters and no blanks.
func validName(name []byte) bool {
	for _, b := range name {
		if b < '!' || b > '~' {
			return false
		}
	}
	return true
}

func (c *conn) setName(name []byte) {
	c.mu.Lock()
	c.about.name = string(name)
	c.mu.Unlock()
}

// CLIENT SETNAME name
func clientSetName(c *conn, args [][]byte, r *command.Reply) {
	if !validName(args[2]) {
		r.Error(errClientName)
		return
	}
	c.setName(args[2])
	r.OK()
}

// CLIENT GETNAME
func clientGetName(c *conn, _ [][]byte, r *command.Reply) {
	c.mu.Lock()
	name := c.about.name
	c.mu.Unlock()
	if name == "" {
		r.Null()
		return
	}
	r.BulkString(name)
}

// CLIENT SETINFO LIB-NAME name | LIB-VER version
func clientSetInfo(c *conn, args [][]byte, r *command.Reply) {
	var field *string
	switch {
	case is(args[2], "LIB-NAME"):
		field = &c.about.libName
	case is(args[2], "LIB-VER"):
		field = &c.about.libVersion
	default:
		r.Error("ERR Unrecognized option '" + string(args[2]) + "'")
		return
	}
	if !validName(args[3]) {
		r.Error("ERR " + strings.ToLower(string(args[2])) + " cannot contain spaces, newlines or special characters.")
		return
	}
	c.mu.Lock()
	*field = string(args[3])
	c.mu.Unlock()
	r.OK()
}

// CLIENT NO-EVICT ON | OFF
func clientNoEvict(c *conn, args [][]byte, r *command.Reply) { c.setFlag(&c.about.noEvict, args[2], r) }

// CLIENT NO-TOUCH ON | OFF
func clientNoTouch(c *conn, args [][]byte, r *command.Reply) { c.setFlag(&c.about.noTouch, args[2], r) }

func (c *conn) setFlag(flag *bool, arg []byte, r *command.Reply) {
	on := is(arg, "ON")
	if !on && !is(arg, "OFF") {
		syntax(r)
		return
	}
	c.mu.Lock()
	*flag = on
	c.mu.Unlock()
	r.OK()
}

// CLIENT REPLY ON | OFF | SKIP
func clientReply(c *conn, args [][]byte, r *command.Reply) {
	switch {
	case is(args[2], "ON"):
		c.replyOff, c.skip, c.skipNext = false, false, false
		r.OK()
	case is(args[2], "OFF"):
		c.replyOff = true
	case is(args[2], "SKIP"):
		c.skipNext = !c.replyOff
	default:
		syntax(r)
	}
}

// CLIENT INFO
func clientInfo(c *conn, _ [][]byte, r *command.Reply) { r.Verbatim(c.describe(time.Now()) + "\n") }

// CLIENT LIST [TYPE normal | master | replica | pubsub] [ID id [id ...]]
func clientList(c *conn, args [][]byte, r *command.Reply) {
	wanted := func(*conn) bool { return true }
	switch {
	case len(args) == 2:
	case len(args) == 4 && is(args[2], "TYPE"):
		normal, ok := clientType(args[3], r)
		if !ok {
			return
		}
		wanted = func(*conn) bool { return normal }
	case len(args) > 3 && is(args[2], "ID"):
		ids := map[uint64]bool{}
		for _, a := range args[3:] {
			id, err := strconv.ParseUint(string(a), 10, 63)
			if err != nil || id == 0 {
				r.Error("ERR Invalid client ID")
				return
			}
			ids[id] = true
		}
		wanted = func(o *conn) bool { return ids[o.id] }
	default:
		syntax(r)
		return
	}
	var b strings.Builder
	now := time.Now()
	for _, o := range c.server.connections() {
		if wanted(o) {
			b.WriteString(o.describe(now))
			b.WriteByte('\n')
		}
	}
	r.Verbatim(b.String())
}

// clientType tells whether a type is that of our connections; all are normal.
func clientType(arg []byte, r *command.Reply) (normal, ok bool) {
	for _, t := range []string{"NORMAL", "MASTER", "REPLICA", "SLAVE", "PUBSUB"} {
		if is(arg, t) {
			return t == "NORMAL", true
		}
	}
	r.Error("ERR Unknown client type '" + string(arg) + "'")
	return false, false
}

// describe is the line of CLIENT LIST about a connection.
func (c *conn) describe(now time.Time) string {
	c.mu.Lock()
	a := c.about
	c.mu.Unlock()
	flags, queued := "", c.queued.Load()
	for _, f := range []struct {
		set  bool
		name string
	}{{a.readAny, "r"}, {queued != notQueueing, "x"}, {a.noEvict, "e"}, {a.noTouch, "T"}} {
		if f.set {
			flags += f.name
		}
	}
	if flags == "" {
		flags = "N"
	}
	last := "NULL"
	if spec := c.lastCommand.Load(); spec != nil {
		last = spec.FullName
	}
	unparsed, inputRoom, outputRoom, queuedBytes := c.unparsed.Load(), c.inputRoom.Load(), c.outputRoom.Load(), c.queuedBytes.Load()
	writing, events := c.writing.Load(), "r"
	if writing > 0 {
		events = "rw"
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=-1 name=%s age=%d idle=%d flags=%s db=0 sub=0 psub=0 ssub=0 multi=%d "+
		"qbuf=%d qbuf-free=%d argv-mem=0 multi-mem=%d rbs=%d rbp=%d obl=%d oll=0 omem=0 tot-mem=%d events=%s cmd=%s user=default "+
		"redir=-1 resp=%d lib-name=%s lib-ver=%s",
		c.id, c.remote, c.local, a.name, int(now.Sub(c.since).Seconds()),
		int(now.Sub(time.Unix(0, c.active.Load())).Seconds()), flags, queued,
		unparsed, inputRoom, queuedBytes, outputRoom, outputRoom, writing, unparsed+inputRoom+outputRoom+queuedBytes, events, last,
		a.proto, a.libName, a.libVersion)
}

// CLIENT KILL addr:port, or CLIENT KILL with pairs of a filter and its value
func clientKill(c *conn, args [][]byte, r *command.Reply) {
	if len(args) == 3 { // the old form
		if c.kill(func(o *conn) bool { return o.remote == string(args[2]) }) == 0 {
			r.Error("ERR No such client")
			return
		}
		r.OK()
		return
	}
	if len(args)%2 != 0 {
		syntax(r)
		return
	}
	skipMe := true
	var filters []func(*conn) bool
	for i := 2; i < len(args); i += 2 {
		value := string(args[i+1])
		switch {
		case is(args[i], "ID"):
			id, err := strconv.ParseUint(value, 10, 63)
			if err != nil || id == 0 {
				r.Error("ERR client-id should be greater than 0")
				return
			}
			filters = append(filters, func(o *conn) bool { return o.id == id })
		case is(args[i], "ADDR"):
			filters = append(filters, func(o *conn) bool { return o.remote == value })
		case is(args[i], "LADDR"):
			filters = append(filters, func(o *conn) bool { return o.local == value })
		case is(args[i], "TYPE"):
			normal, ok := clientType(args[i+1], r)
			if !ok {
				return
			}
			filters = append(filters, func(*conn) bool { return normal })
		case is(args[i], "USER"):
			if value != "default" {
				r.Error("ERR No such user '" + value + "'")
				return
			}
		case is(args[i], "MAXAGE"):
			seconds, ok := intArg(args[i+1], "ERR maxage is not an integer or out of range", r)
			if !ok {
				return
			}
			if seconds <= 0 {
				r.Error("ERR maxage should be greater than 0")
				return
			}
			filters = append(filters, func(o *conn) bool { return int64(time.Since(o.since).Seconds()) >= seconds })
		case is(args[i], "SKIPME") && (is(args[i+1], "YES") || is(args[i+1], "NO")):
			skipMe = is(args[i+1], "YES")
		default:
			syntax(r)
			return
		}
	}
	r.Int(int64(c.kill(func(o *conn) bool {
		for _, f := range filters {
			if !f(o) {
				return false
			}
		}
		return o != c || !skipMe
	})))
}

// kill closes the connections that match; its own only after its replies.
func (c *conn) kill(match func(*conn) bool) (killed int) {
	for _, o := range c.server.connections() {
		if !match(o) {
			continue
		}
		killed++
		if o == c {
			c.closing = true
		} else {
			o.socket.Close()
		}
	}
	return killed
}
