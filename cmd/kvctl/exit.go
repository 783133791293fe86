package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/keytrace"
	"github.com/ringkv/ringkv/internal/target"
)

// The exit codes of kvctl, for scripts.
const (
	exitFailed      = 1 // the answer is no: no such key, something is wrong, a wish was refused
	exitUsage       = 2 // the command line is wrong; nothing was done
	exitUnreachable = 3 // the cluster, or every node of it, cannot be reached
	exitUnknown     = 4 // a write may have been executed or not
)

// errReported ends the process with exit code 1 when everything there is to say
// has been printed.
var errReported = errors.New("already reported")

// usageError is an error in the command line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func exitCode(err error) int {
	switch usage := (usageError{}); {
	case err == nil:
		return 0
	case errors.As(err, &usage) || isCobraUsage(err):
		return exitUsage
	case errors.Is(err, keytrace.ErrUnknown):
		return exitUnknown
	case errors.Is(err, target.ErrUnreachable) || errors.Is(err, keytrace.ErrNoNode):
		return exitUnreachable
	}
	return exitFailed
}

// isCobraUsage recognises the errors in the command line that the library finds
// where it can be told of no function to wrap them.
func isCobraUsage(err error) bool {
	for _, beginning := range []string{"unknown command ", "required flag(s) ", "if any flags in the group "} {
		if strings.HasPrefix(err.Error(), beginning) {
			return true
		}
	}
	return false
}

// markUsageErrors makes wrong flags and arguments of a command and those below it
// usageErrors.
func markUsageErrors(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if strings.HasPrefix(err.Error(), "unknown ") {
			err = fmt.Errorf("%w; what begins with - and is no flag comes after a word --", err)
		}
		return usageError{err}
	})
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w; usage: %s", err, strings.TrimPrefix(cmd.UseLine(), "shell "))} // what is typed there
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		markUsageErrors(c)
	}
}
