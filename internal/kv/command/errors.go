package command

import "bytes"

// Error replies, as Redis words them, without the leading minus sign.
const (
	ErrSyntax        = "ERR syntax error"
	ErrNotInteger    = "ERR value is not an integer or out of range"
	ErrNotFloat      = "ERR value is not a valid float"
	ErrNaNOrInfinity = "ERR increment would produce NaN or Infinity"
	ErrOverflow      = "ERR increment or decrement would overflow"
	ErrDecrOverflow  = "ERR decrement would overflow"
	ErrOffset        = "ERR offset is out of range"
	ErrTooLong       = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	ErrBitOffset     = "ERR bit offset is not an integer or out of range"
	ErrBit           = "ERR bit is not an integer or out of range"
	ErrNoSuchKey     = "ERR no such key"
	ErrBusyKey       = "BUSYKEY Target key name already exists."
	ErrCursor        = "ERR invalid cursor"
	ErrCrossSlot     = "CROSSSLOT Keys in request don't hash to the same slot"
	ErrOOM           = "OOM command not allowed when used memory > 'maxmemory'."
	// ErrUnknownResult is for a write that may or may not have happened, or may
	// still happen. Clients must not send it again blindly, so it has a prefix
	// that no client retries on.
	ErrUnknownResult = "UNKNOWNRESULT the outcome of the command is unknown: it may have been executed, or be executed later"
	// ErrUnavailable is for a command that certainly was not executed and can
	// be sent again.
	ErrUnavailable = "CLUSTERDOWN The partition of the key has no leader"
)

// arityError is the error for a wrong number of arguments.
func arityError(fullName string) string {
	return "ERR wrong number of arguments for '" + fullName + "' command"
}

func expireTime(r *Reply, fullName string) {
	r.Error("ERR invalid expire time in '" + fullName + "' command")
}

// cString returns what C code sees of a string: what comes before a zero byte.
func cString(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// is compares an argument with a word in upper case, as strcasecmp does.
func is(arg []byte, word string) bool {
	arg = cString(arg)
	if len(arg) != len(word) {
		return false
	}
	for i, c := range arg {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
