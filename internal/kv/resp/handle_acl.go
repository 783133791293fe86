package resp

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// There is one user, default, who may do everything and needs no password.

var aclHelp = []string{
	"CAT [<category>]", "    List all commands that belong to <category>, or all command categories.",
	"GENPASS [<bits>]", "    Generate a secure 256-bit user password, or one of <bits> bits.",
	"GETUSER <username>", "    Get the user's details.",
	"LIST", "    Show users details in config file format.",
	"LOG [<count> | RESET]", "    Show the ACL log entries: there are none.",
	"USERS", "    List all the registered usernames.",
	"WHOAMI", "    Return the current connection username.",
}

const whyUsers = "users cannot be changed: there is one, default, who may do everything"

// ACL CAT [category]
func aclCat(_ *conn, args [][]byte, r *command.Reply) {
	names := map[string][]string{}
	var all []string
	for id := range command.Specs() {
		s := command.ByID(id)
		if s.Flags&command.Internal != 0 {
			continue
		}
		for _, c := range s.Categories() {
			if names[c[1:]] == nil {
				all = append(all, c[1:])
			}
			names[c[1:]] = append(names[c[1:]], s.FullName)
		}
	}
	slices.Sort(all)
	switch len(args) {
	case 2:
		bulks(all, r)
	case 3:
		in := names[strings.ToLower(string(args[2]))]
		if in == nil {
			r.Error("ERR Unknown category '" + string(args[2]) + "'")
			return
		}
		bulks(in, r)
	default:
		r.Error("ERR wrong number of arguments for 'acl|cat' command")
	}
}

func bulks(words []string, r *command.Reply) {
	r.Array(len(words))
	for _, w := range words {
		r.BulkString(w)
	}
}

// ACL GETUSER username
func aclGetUser(_ *conn, args [][]byte, r *command.Reply) {
	if !isUser(args[2]) {
		r.Null()
		return
	}
	r.Map(6)
	r.BulkString("flags")
	r.Set(2)
	r.Simple("on")
	r.Simple("nopass")
	r.BulkString("passwords")
	r.Array(0)
	for _, f := range [][2]string{{"commands", "+@all"}, {"keys", "~*"}, {"channels", "&*"}} {
		r.BulkString(f[0])
		r.BulkString(f[1])
	}
	r.BulkString("selectors")
	r.Array(0)
}

// ACL GENPASS [bits]
func aclGenPass(_ *conn, args [][]byte, r *command.Reply) {
	bits := int64(256)
	if len(args) > 3 {
		r.Error("ERR wrong number of arguments for 'acl|genpass' command")
		return
	}
	if len(args) == 3 {
		var err error
		if bits, err = strconv.ParseInt(string(args[2]), 10, 64); err != nil {
			r.Error(command.ErrNotInteger)
			return
		}
		if bits <= 0 || bits > 4096 {
			r.Error("ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096")
			return
		}
	}
	digits := (bits + 3) / 4
	b := make([]byte, (digits+1)/2)
	rand.Read(b) // never fails (crypto/rand, Go 1.24 and later)
	r.BulkString(hex.EncodeToString(b)[:digits])
}

// ACL LOG [count | RESET]
func aclLog(_ *conn, args [][]byte, r *command.Reply) {
	switch {
	case len(args) == 3 && is(args[2], "RESET"):
		r.OK()
	case len(args) > 3:
		r.Error("ERR wrong number of arguments for 'acl|log' command")
	case len(args) == 3 && !countArg(args[2], 1<<31, errNotPositive, r):
	default:
		r.Array(0)
	}
}
