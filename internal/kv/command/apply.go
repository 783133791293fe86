package command

import (
	"errors"
	"fmt"
)

// ErrNotApplicable is wrapped by errors of Apply: the log holds a command that
// this version cannot apply, so the replica must stop instead of going on without
// what the others did.
var ErrNotApplicable = errors.New("command cannot be applied")

// Apply runs one command of a batch and adds its reply to r. The caller holds the
// store's lock for writing. An error means that nothing was done.
func Apply(c *Context, args [][]byte, r *Reply) error {
	spec := Lookup(args[0])
	if spec == nil || spec.Run == nil || !spec.IsWrite() {
		return fmt.Errorf("%.64q is no write command: %w", args[0], ErrNotApplicable)
	}
	if !spec.ArityOK(len(args)) {
		return fmt.Errorf("%q with %d arguments: %w", spec.FullName, len(args)-1, ErrNotApplicable)
	}
	spec.Run(c, args, r)
	return nil
}

// Run runs the call's command and puts its reply into the call, which it does not
// complete. The caller holds the store's lock.
func (c *Call) Run(ctx *Context) { c.Spec.Run(ctx, c.Args, &c.Out) }
