package command

import (
	"errors"
	"fmt"
)

// ErrNotApplicable is wrapped by errors of Apply: the log holds a command that
// this build does not know, so the replica must stop instead of going on without
// what the others did.
var ErrNotApplicable = errors.New("this build cannot execute it")

// Apply runs one command of a batch and adds its reply to r. The caller holds the
// store's lock for writing. An error means that nothing was done.
func Apply(c *Context, args [][]byte, r *Reply) error {
	spec := Executable(args)
	if spec == nil || !spec.IsWrite() {
		return fmt.Errorf("%.64q with %d arguments is no write that this build knows: %w", args[0], len(args)-1, ErrNotApplicable)
	}
	spec.execute(c, args, r)
	return nil
}

// Executable returns the command or subcommand that the arguments name, which the log or another node
// has sent, or nil if this version cannot execute it.
func Executable(args [][]byte) *Spec {
	spec := Lookup(args[0])
	if spec != nil && len(spec.Subcommands) > 0 && len(args) > 1 {
		spec = spec.Subcommand(args[1])
	}
	if spec == nil || !spec.ArityOK(len(args)) || spec.Scope == Connection {
		return nil
	}
	if spec.Run == nil {
		if p, ok := parseProgram(args); !ok || !p.isExecutable(spec.IsWrite()) {
			return nil
		}
	}
	return spec
}

func (s *Spec) execute(c *Context, args [][]byte, r *Reply) {
	if s.Run == nil {
		runTransaction(c, args, r)
		return
	}
	s.Run(c, args, r)
}

// Run runs the call's command and puts its reply into the call, which it does not
// complete. The caller holds the store's lock.
func (c *Call) Run(ctx *Context) { c.Spec.execute(ctx, c.Args, &c.Out) }
