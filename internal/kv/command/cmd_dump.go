package command

// DUMP key
func dump(c *Context, args [][]byte, r *Reply) {
	it, found := c.get(args[1])
	if !found {
		r.Null()
		return
	}
	r.Bulk(appendDump(nil, it.Value))
}

// restoreOptions are the options of RESTORE. IDLETIME and FREQ are checked and have
// no effect: nothing is evicted.
type restoreOptions struct{ replace, absolute bool }

func parseRestoreOptions(options [][]byte, r *Reply) (o restoreOptions, ok bool) {
	idle, freq := false, false
	for i := 0; i < len(options); i++ {
		more := i+1 < len(options)
		switch {
		case is(options[i], "REPLACE"):
			o.replace = true
		case is(options[i], "ABSTTL"):
			o.absolute = true
		case is(options[i], "IDLETIME") && more && !freq:
			i++
			idle = true
			n, ok := intArg(options[i], r)
			if !ok {
				return o, false
			}
			if n < 0 {
				r.Error("ERR Invalid IDLETIME value, must be >= 0")
				return o, false
			}
		case is(options[i], "FREQ") && more && !idle:
			i++
			freq = true
			n, ok := intArg(options[i], r)
			if !ok {
				return o, false
			}
			if n < 0 || n > 255 {
				r.Error("ERR Invalid FREQ value, must be >= 0 and <= 255")
				return o, false
			}
		default:
			r.Error(ErrSyntax)
			return o, false
		}
	}
	return o, true
}

// RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME s] [FREQ frequency]
func restore(c *Context, args [][]byte, r *Reply) {
	o, ok := parseRestoreOptions(args[4:], r)
	if !ok {
		return
	}
	_, taken := c.get(args[1])
	if taken && !o.replace {
		r.Error(ErrBusyKey)
		return
	}
	expireAt, ok := intArg(args[2], r)
	if !ok {
		return
	}
	if expireAt < 0 {
		r.Error("ERR Invalid TTL value, must be >= 0")
		return
	}
	if !dumpIsSound(args[3]) {
		r.Error("ERR DUMP payload version or checksum are wrong")
		return
	}
	value, ok := parseDump(args[3])
	if !ok {
		r.Error("ERR Bad data format")
		return
	}
	r.OK()
	if expireAt != 0 && !o.absolute {
		if expireAt += c.Now; expireAt < 0 {
			expireAt = 1 // beyond the end of time, which Redis takes for the past
		}
	}
	c.set(args[1], value, expireAt)
}
