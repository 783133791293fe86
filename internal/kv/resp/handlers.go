package resp

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// handler answers a command of Connection scope, whose arity has been checked.
type handler func(c *conn, args [][]byte, r *command.Reply)

// handlers are all of them, by full name.
var handlers = map[string]handler{
	"ping":      ping,
	"echo":      func(_ *conn, args [][]byte, r *command.Reply) { r.Bulk(args[1]) },
	"quit":      quit,
	"reset":     reset,
	"hello":     hello,
	"auth":      auth,
	"select":    selectDB,
	"readonly":  func(c *conn, _ [][]byte, r *command.Reply) { c.setReadAny(true); r.OK() },
	"readwrite": func(c *conn, _ [][]byte, r *command.Reply) { c.setReadAny(false); r.OK() },
	"time":      timeNow,
	"role":      role,

	"multi":   multi,
	"exec":    execHere,
	"discard": discard,
	"watch":   watchRefused,
	"unwatch": unwatch,

	"wait":         wait,
	"waitaof":      waitAOF,
	"lastsave":     lastSave,
	"save":         refuseWith("SAVE is not needed: " + whySave),
	"bgsave":       refuseWith("BGSAVE is not needed: " + whySave),
	"bgrewriteaof": refuseWith("BGREWRITEAOF is not needed: " + whySave),
	"shutdown":     refuseWith(whyShutdown),
	"replicaof":    refuseWith("REPLICAOF not allowed in cluster mode."),
	"slaveof":      refuseWith("SLAVEOF not allowed in cluster mode."),
	"failover":     refuseWith("FAILOVER not allowed in cluster mode."),
	"monitor":      refuseWith(whyMonitor),
	"sync":         refuseWith(whySync),
	"psync":        refuseWith(whySync),
	"replconf":     refuseWith(whySync),
	"swapdb":       swapDB,
	"move":         move,

	"debug|error":    debugError,
	"debug|log":      debugLog,
	"debug|protocol": debugProtocol,
	"debug|sleep":    debugSleep,
	"debug|help":     help(debugHelp),

	"module|list": moduleList,
	"module|load": refuseWith(whyModule),
	"module|help": help([]string{"LIST", "    Return a list of loaded modules: there are none."}),

	"function|flush": functionFlush,
	"function|list":  functionList,
	"function|help":  help(functionHelp),
	"script|exists":  scriptExists,
	"script|flush":   scriptFlush,
	"script|help":    help(scriptHelp),

	"acl|whoami": func(_ *conn, _ [][]byte, r *command.Reply) { r.BulkString("default") },
	"acl|users":  func(_ *conn, _ [][]byte, r *command.Reply) { bulks([]string{"default"}, r) },
	"acl|list": func(_ *conn, _ [][]byte, r *command.Reply) {
		bulks([]string{"user default on nopass sanitize-payload ~* &* +@all"}, r)
	},
	"acl|getuser": aclGetUser,
	"acl|cat":     aclCat,
	"acl|genpass": aclGenPass,
	"acl|log":     aclLog,
	"acl|setuser": refuseWith(whyUsers),
	"acl|deluser": refuseWith(whyUsers),
	"acl|help":    help(aclHelp),

	"slowlog|get":   slowlogGet,
	"slowlog|len":   slowlogLen,
	"slowlog|reset": slowlogReset,
	"slowlog|help":  help(slowlogHelp),

	"latency|latest":    latencyLatest,
	"latency|history":   latencyHistory,
	"latency|reset":     latencyReset,
	"latency|doctor":    latencyDoctor,
	"latency|histogram": latencyHistogram,
	"latency|help":      help(latencyHelp),

	"client|pause":        clientPause,
	"client|unpause":      clientUnpause,
	"client|unblock":      clientUnblock,
	"client|tracking":     clientTracking,
	"client|trackinginfo": clientTrackingInfo,
	"client|getredir":     func(_ *conn, _ [][]byte, r *command.Reply) { r.Int(-1) },
	"client|caching":      clientCaching,

	"client|id":       func(c *conn, _ [][]byte, r *command.Reply) { r.Int(int64(c.id)) },
	"client|setname":  clientSetName,
	"client|getname":  clientGetName,
	"client|setinfo":  clientSetInfo,
	"client|info":     clientInfo,
	"client|list":     clientList,
	"client|kill":     clientKill,
	"client|no-evict": clientNoEvict,
	"client|no-touch": clientNoTouch,
	"client|reply":    clientReply,
	"client|help":     help(clientHelp),

	"command":                 commandInfoAll,
	"command|count":           func(_ *conn, _ [][]byte, r *command.Reply) { r.Int(int64(len(command.All()))) },
	"command|info":            commandInfo,
	"command|list":            commandList,
	"command|docs":            commandDocs,
	"command|getkeys":         commandGetKeys,
	"command|getkeysandflags": commandGetKeysAndFlags,
	"command|help":            help(commandHelp),

	"config|get":       configGet,
	"config|set":       configSet,
	"config|resetstat": func(c *conn, _ [][]byte, r *command.Reply) { c.server.stats.reset(); r.OK() },
	"config|rewrite":   refuseWith("The server is running without a config file"),
	"config|help":      help(configHelp),

	"object|help": help(objectHelp),
	"memory|help": help(memoryHelp),

	"info": info,

	"asking":                        func(_ *conn, _ [][]byte, r *command.Reply) { r.OK() }, // slots never migrate
	"cluster|slots":                 shown("slots", clusterSlots),
	"cluster|shards":                shown("shards", clusterShards),
	"cluster|nodes":                 shown("nodes", clusterNodes),
	"cluster|info":                  clusterInfo,
	"cluster|myid":                  clusterMyID,
	"cluster|myshardid":             clusterMyID,
	"cluster|keyslot":               clusterKeySlot,
	"cluster|replicas":              clusterReplicas,
	"cluster|slaves":                clusterReplicas,
	"cluster|links":                 clusterLinks,
	"cluster|count-failure-reports": clusterFailureReports,
	"cluster|help":                  help(clusterHelp),
	"cluster|addslots":              clusterChange,
	"cluster|addslotsrange":         clusterChange,
	"cluster|bumpepoch":             clusterChange,
	"cluster|delslots":              clusterChange,
	"cluster|delslotsrange":         clusterChange,
	"cluster|failover":              clusterChange,
	"cluster|flushslots":            clusterChange,
	"cluster|forget":                clusterChange,
	"cluster|meet":                  clusterChange,
	"cluster|replicate":             clusterChange,
	"cluster|reset":                 clusterChange,
	"cluster|saveconfig":            clusterChange,
	"cluster|set-config-epoch":      clusterChange,
	"cluster|setslot":               clusterChange,
}

// syntax is the error for options that make no sense.
func syntax(r *command.Reply) { r.Error(command.ErrSyntax) }

// is compares an option with a word in upper case.
func is(arg []byte, word string) bool {
	return len(arg) == len(word) && strings.EqualFold(string(arg), word)
}

// PING [message]
func ping(_ *conn, args [][]byte, r *command.Reply) {
	switch len(args) {
	case 1:
		r.Simple("PONG")
	case 2:
		r.Bulk(args[1])
	default:
		r.Error("ERR wrong number of arguments for 'ping' command")
	}
}

// QUIT
func quit(c *conn, _ [][]byte, r *command.Reply) {
	c.closing = true
	r.OK()
}

// RESET
func reset(c *conn, _ [][]byte, r *command.Reply) {
	c.replyOff, c.skip, c.skipNext = false, false, false
	c.setReadAny(false)
	c.endTransaction()
	c.setProto(2, r)
	c.mu.Lock()
	c.about.name, c.about.noEvict, c.about.noTouch = "", false, false
	c.mu.Unlock()
	r.Simple("RESET")
}

func (c *conn) setProto(version uint8, r *command.Reply) {
	c.proto, r.Proto = version, version
	c.mu.Lock()
	c.about.proto = version
	c.mu.Unlock()
}

// setReadAny lets any replica answer the connection's reads, or only leaders.
func (c *conn) setReadAny(any bool) {
	c.readAny = any
	c.mu.Lock()
	c.about.readAny = any
	c.mu.Unlock()
}

// helloOptions are the arguments of HELLO.
type helloOptions struct {
	version    uint8
	user, name []byte // nil: not given
}

// parseHello reads the arguments of HELLO, or returns the error reply.
func parseHello(args [][]byte, current uint8) (o helloOptions, problem string) {
	o.version = current
	if len(args) >= 2 {
		switch v, err := strconv.ParseInt(string(args[1]), 10, 64); {
		case err != nil:
			return o, "ERR Protocol version is not an integer or out of range"
		case v < 2 || v > 3:
			return o, "NOPROTO unsupported protocol version"
		default:
			o.version = uint8(v)
		}
	}
	for i := 2; i < len(args); i++ {
		more := len(args) - 1 - i
		switch {
		case is(args[i], "AUTH") && more >= 2:
			o.user = args[i+1]
			i += 2
		case is(args[i], "SETNAME") && more >= 1:
			if !validName(args[i+1]) {
				return o, errClientName
			}
			o.name = args[i+1]
			i++
		default:
			return o, "ERR Syntax error in HELLO option '" + string(args[i]) + "'"
		}
	}
	if o.user != nil && !isUser(o.user) {
		return o, errWrongPassword
	}
	return o, ""
}

// HELLO [protover [AUTH username password] [SETNAME clientname]]
func hello(c *conn, args [][]byte, r *command.Reply) {
	o, problem := parseHello(args, c.proto)
	if problem != "" {
		r.Error(problem)
		return
	}
	if o.name != nil {
		c.setName(o.name)
	}
	c.setProto(o.version, r)
	r.Map(7)
	r.BulkString("server")
	r.BulkString("redis")
	r.BulkString("version")
	r.BulkString(RedisVersion)
	r.BulkString("proto")
	r.Int(int64(o.version))
	r.BulkString("id")
	r.Int(int64(c.id))
	r.BulkString("mode")
	r.BulkString(c.mode())
	r.BulkString("role")
	r.BulkString("master")
	r.BulkString("modules")
	r.Array(0)
}

// AUTH [username] password. There is one user, default, and it has no password, so
// as in Redis any password will do for it.
func auth(_ *conn, args [][]byte, r *command.Reply) {
	switch {
	case len(args) > 3:
		syntax(r)
	case len(args) == 2:
		r.Error("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
	case !isUser(args[1]):
		r.Error(errWrongPassword)
	default:
		r.OK()
	}
}

const errWrongPassword = "WRONGPASS invalid username-password pair or user is disabled."

func isUser(name []byte) bool { return string(name) == "default" }

// SELECT index
func selectDB(_ *conn, args [][]byte, r *command.Reply) {
	switch n, err := strconv.ParseInt(string(args[1]), 10, 32); {
	case err != nil:
		r.Error(command.ErrNotInteger)
	case n != 0:
		r.Error("ERR DB index is out of range")
	default:
		r.OK()
	}
}

// TIME
func timeNow(_ *conn, _ [][]byte, r *command.Reply) {
	now := time.Now().UnixMicro()
	r.Array(2)
	r.BulkString(strconv.FormatInt(now/1e6, 10))
	r.BulkString(strconv.FormatInt(now%1e6, 10))
}

// ROLE. Every node takes writes, so to clients each is a master.
func role(_ *conn, _ [][]byte, r *command.Reply) {
	r.Array(3)
	r.BulkString("master")
	r.Int(0)
	r.Array(0)
}

// help answers the HELP subcommand of a container.
func help(lines []string) handler {
	return func(_ *conn, args [][]byte, r *command.Reply) {
		r.Array(len(lines) + 3)
		r.Simple(fmt.Sprintf("%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", strings.ToUpper(string(args[0]))))
		for _, l := range lines {
			r.Simple(l)
		}
		r.Simple("HELP")
		r.Simple("    Print this help.")
	}
}
