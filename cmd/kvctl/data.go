package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/keytrace"
	"github.com/ringkv/ringkv/internal/respclient"
	"github.com/ringkv/ringkv/internal/target"
)

// newDataCommands returns the commands for single keys.
func newDataCommands(s *session) []*cobra.Command {
	return []*cobra.Command{newPutCommand(s), newGetCommand(s), newDelCommand(s), newRedisCommand(s)}
}

// keyResult is what put, get and del print as JSON and YAML.
type keyResult struct {
	*keytrace.Trace
	Status      string `json:"status"` // ok, missing, failed or unknown
	Error       string `json:"error,omitempty"`
	Value       string `json:"value,omitempty"`
	ValueBase64 string `json:"valueBase64,omitempty"` // of a value that is no UTF-8
}

func (r *keyResult) fail(err error) {
	r.Status, r.Error = "failed", err.Error()
	if errors.Is(err, keytrace.ErrUnknown) {
		r.Status = "unknown"
	}
}

// onKey makes the RunE of a command whose first argument is a key, which it locates
// and, if announce, tells people where it is.
func (s *session) onKey(out *output, announce bool, run func(*cobra.Command, *keytrace.Trace, []string) error) func(*cobra.Command, []string) error {
	return s.on(func(cmd *cobra.Command, t target.Target, args []string) error {
		if err := out.check(); err != nil {
			return err
		}
		tr, err := keytrace.Locate(cmd.Context(), t, args[0])
		if err != nil {
			return err
		}
		if announce && out.form == "text" {
			tr.PrintReplicas(cmd.OutOrStdout())
		}
		return run(cmd, tr, args)
	})
}

func newPutCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put KEY VALUE",
		Short: "Write a key, and say what each of its copies made of it",
		Long: `Write a key, and say what each of its copies made of it.

The write is acknowledged when it is on stable storage on a majority of the copies.
What is told of the others is what their nodes say within five seconds after that.
The version counts the changes of the key's partition: the same write has the same
version in every copy.`,
		Example: "  kvctl put apple 123\n  kvctl put session:7 token --ttl 30m",
		Args:    cobra.ExactArgs(2),
	}
	ttl := cmd.Flags().Duration("ttl", 0, "time to live, such as 30s; 0 means for ever")
	out := outputFlag(cmd, "json", "yaml")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *ttl < 0 {
			return usageError{fmt.Errorf("--ttl %s: want a positive time", *ttl)}
		}
		return nil
	}
	cmd.RunE = s.onKey(out, true, func(cmd *cobra.Command, tr *keytrace.Trace, args []string) error {
		w := cmd.OutOrStdout()
		putErr := tr.Put(cmd.Context(), args[1], *ttl)
		result := keyResult{Trace: tr, Status: "ok"}
		if putErr != nil {
			result.fail(putErr)
		}
		if done, err := out.data(w, result); done {
			return errors.Join(putErr, err)
		}
		tr.PrintFallback(w)
		if putErr == nil {
			tr.PrintPut(w, printable(args[1]))
		}
		return putErr
	})
	return cmd
}

func newGetCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Read a key from the first of its nodes that answers",
		Long: `Read a key from the first of its nodes that answers, in the ring's order. Whichever
it is, the answer is the newest acknowledged value, unless the cluster reads with
"Any". The exit code is 1 if there is no such key.`,
		Example: "  kvctl get apple\n  kvctl get photo --raw >photo.jpg",
		Args:    cobra.ExactArgs(1),
	}
	raw := cmd.Flags().Bool("raw", false, "print the value alone, byte for byte")
	out := outputFlag(cmd, "json", "yaml")
	cmd.RunE = s.onKey(out, false, func(cmd *cobra.Command, tr *keytrace.Trace, args []string) error {
		value, found, getErr := tr.Get(cmd.Context())
		result := keyResult{Trace: tr, Status: "ok"}
		switch {
		case getErr != nil:
			result.fail(getErr)
		case !found:
			result.Status, getErr = "missing", errReported
		default:
			result.Value, result.ValueBase64 = textOrBase64(value)
		}
		w := cmd.OutOrStdout()
		if done, err := out.data(w, result); done {
			return errors.Join(getErr, err)
		}
		tr.PrintFallback(cmd.ErrOrStderr())
		switch {
		case result.Status == "missing" && !*raw:
			fmt.Fprintf(w, "%s -> (nil)\n", args[0])
		case getErr == nil && *raw:
			_, err := w.Write(value)
			return err
		case getErr == nil:
			fmt.Fprintf(w, "%s -> %s\n", args[0], printable(string(value)))
		}
		return getErr
	})
	return cmd
}

func newDelCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "del KEY",
		Short: "Delete a key from all of its copies",
		Long: `Delete a key from all of its copies, and say what each of them made of it. The exit
code is 1 if there was no such key.`,
		Example: "  kvctl del apple",
		Args:    cobra.ExactArgs(1),
	}
	out := outputFlag(cmd, "json", "yaml")
	cmd.RunE = s.onKey(out, true, func(cmd *cobra.Command, tr *keytrace.Trace, args []string) error {
		w := cmd.OutOrStdout()
		found, delErr := tr.Del(cmd.Context())
		result := keyResult{Trace: tr, Status: "ok"}
		switch {
		case delErr != nil:
			result.fail(delErr)
		case !found:
			result.Status, delErr = "missing", errReported
		}
		if done, err := out.data(w, result); done {
			return errors.Join(delErr, err)
		}
		tr.PrintFallback(w)
		switch result.Status {
		case "ok":
			tr.PrintDel(w)
		case "missing":
			fmt.Fprintf(w, "there is no key %s\n", args[0])
		}
		return delErr
	})
	return cmd
}

func newRedisCommand(s *session) *cobra.Command {
	node := ""
	cmd := &cobra.Command{
		Use:   "redis COMMAND [ARGUMENT...]",
		Short: "Send any Redis command to a node and print its answer",
		Example: `  kvctl redis INCRBY visits 5
  kvctl redis --node n2 INFO replication`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().SetInterspersed(false) // what follows the command is its own
	cmd.Flags().StringVar(&node, "node", "", "node to ask (default: the first that answers)")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("node", s.nodeNames))
	timeout := cmd.Flags().Duration("timeout", 10*time.Second, "longest wait for the answer")
	cmd.RunE = s.on(func(cmd *cobra.Command, t target.Target, args []string) error {
		reply, err := sendRedis(cmd, t, node, *timeout, args)
		if reply != nil {
			reply.Format(cmd.OutOrStdout())
		}
		if _, answered := errors.AsType[respclient.ServerError](err); answered {
			return errReported
		}
		return err
	})
	return cmd
}
