package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ringkv/ringkv/internal/shell"
)

func newShellCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "shell",
		Short: "Talk to a cluster: commands one by one, with history and completion",
		Long: `Talk to a cluster: commands one by one, with history and completion.

The commands are those of kvctl that work on a cluster, without "kvctl" in front:
help lists them, Tab completes them, the names of nodes and flags too. Ctrl-C ends
the command that runs, Ctrl-R searches what was typed before, exit or Ctrl-D ends
the shell.

Words with blanks are put in quotes; in double quotes \n, \x00 and the like stand
for any byte. From a pipe or a file the shell reads a command a line, runs them all,
and exits with 1 if one of them failed.`,
		Example: `  kvctl shell
  printf 'put apple 123\nget apple\n' | kvctl shell`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runShell(cmd, s)
		},
	}
}

func runShell(cmd *cobra.Command, s *session) error {
	t, err := s.target(cmd.Context())
	if err != nil {
		return err
	}
	in, out, errOut := cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	sh := &shell.Shell{
		Run:     func(ctx context.Context, words []string) error { return s.runLine(ctx, words, out, errOut) },
		Prompt:  "ringkv> ",
		History: historyFile(),
		Err:     errOut,
	}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(out, "%s; help lists the commands\n", t)
		ctx, stop := outlivingInterrupts(cmd.Context())
		defer stop()
		sh.Complete = func(line string) []string { return s.completeLine(ctx, line) }
		return sh.Interact(ctx, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return signal.NotifyContext(ctx, os.Interrupt)
		})
	}
	failed, err := sh.Pipe(cmd.Context(), in)
	if err == nil && failed > 0 {
		err = errReported
	}
	return err
}

// outlivingInterrupts returns a context for a shell at a terminal: Ctrl-C ends the
// command that runs and nothing else, SIGTERM ends all of them. The process's own
// context ends with the first signal of either kind, and for good.
func outlivingInterrupts(ctx context.Context) (context.Context, context.CancelFunc) {
	dropped := make(chan os.Signal, 1) // Ctrl-C between two commands kills nothing
	signal.Notify(dropped, os.Interrupt)
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second SIGTERM ends the process at once
	return ctx, func() {
		stop()
		signal.Stop(dropped)
	}
}

func historyFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "ringkv", "history")
}

// lineCommand returns the commands of the shell. Flags keep their values, so every
// line gets new ones.
func (s *session) lineCommand(out, errOut io.Writer) *cobra.Command {
	root := newRoot()
	root.Use, root.Short, root.Long, root.Version = "shell", "The commands of the shell", "", ""
	root.CompletionOptions.DisableDefaultCmd = true
	addClusterCommands(root, s)
	root.AddCommand(&cobra.Command{
		Use:     "exit",
		Aliases: []string{"quit"},
		Short:   "End the shell; the cluster goes on",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return shell.ErrExit },
	})
	markUsageErrors(root)
	root.SetOut(out)
	root.SetErr(errOut)
	root.SetIn(bytes.NewReader(nil)) // what follows on the input are commands
	return root
}

// runLine executes one command of the shell.
func (s *session) runLine(ctx context.Context, words []string, out, errOut io.Writer) error {
	root := s.lineCommand(out, errOut)
	root.SetArgs(words)
	err := root.ExecuteContext(ctx)
	switch {
	case errors.Is(err, errReported):
		return shell.ErrFailed
	case err != nil && isCobraUsage(err):
		return fmt.Errorf("%w; help lists the commands", err)
	}
	return err
}

// completeLine returns the lines that line can become, as the shells' completion
// scripts would.
func (s *session) completeLine(ctx context.Context, line string) []string {
	words, err := shell.Split(line)
	if err != nil {
		return nil
	}
	head, last := line, ""
	if n := len(words); n > 0 && !strings.HasSuffix(line, " ") {
		last = words[n-1]
		head, words = strings.TrimSuffix(line, last), words[:n-1]
		if head+last != line {
			return nil // a quoted word is not completed
		}
	}
	var answer bytes.Buffer
	root := s.lineCommand(&answer, io.Discard)
	root.SetArgs(slices.Concat([]string{cobra.ShellCompNoDescRequestCmd}, words, []string{last}))
	if root.ExecuteContext(ctx) != nil {
		return nil
	}
	var lines []string
	for _, candidate := range strings.Split(answer.String(), "\n") {
		if candidate != "" && candidate[0] != ':' && strings.HasPrefix(candidate, last) {
			lines = append(lines, head+candidate+" ")
		}
	}
	return lines
}
