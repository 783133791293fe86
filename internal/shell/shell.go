// Package shell reads commands, one a line, from a person or from a pipe. It knows
// nothing of the commands themselves.
package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"
)

// Shell is where commands come from and go to.
type Shell struct {
	// Run executes the words of one command. Its errors are told to Err, and the
	// shell goes on.
	Run func(ctx context.Context, words []string) error
	// Complete returns how a line can go on: whole lines. It is asked when a person
	// presses Tab; nil means never.
	Complete func(line string) []string
	// Prompt stands before what a person types.
	Prompt string
	// History is the file that keeps what was typed; empty means none.
	History string
	Err     io.Writer
}

// What Run can return besides errors to be told.
var (
	ErrExit   = errors.New("exit")   // ends the shell
	ErrFailed = errors.New("failed") // the command failed, and has said why itself
)

// maxLine bounds one command: a value may be large, but not endless.
const maxLine = 64 << 20

// Pipe runs the commands of in until it ends, and returns how many failed. Every
// line is tried, whatever became of those before it.
func (s *Shell) Pipe(ctx context.Context, in io.Reader) (failed int, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for number := 1; lines.Scan(); number++ {
		if err := ctx.Err(); err != nil {
			return failed, err
		}
		words, err := Split(lines.Text())
		if err == nil && len(words) > 0 {
			err = s.Run(ctx, words)
		}
		switch {
		case errors.Is(err, ErrExit):
			return failed, nil
		case errors.Is(err, ErrFailed):
			failed++
		case err != nil:
			failed++
			fmt.Fprintf(s.Err, "line %d: %v\n", number, err)
		}
	}
	return failed, lines.Err()
}

// Interact talks to the person at the terminal until exit or Ctrl-D. interruptible
// makes the context of each command: one that Ctrl-C ends.
func (s *Shell) Interact(ctx context.Context, interruptible func(context.Context) (context.Context, context.CancelFunc)) error {
	terminal := liner.NewLiner()
	defer terminal.Close()
	terminal.SetCtrlCAborts(true)
	terminal.SetTabCompletionStyle(liner.TabPrints)
	if s.Complete != nil {
		terminal.SetCompleter(s.Complete)
	}
	s.recall(terminal)
	for {
		line, err := terminal.Prompt(s.Prompt)
		switch {
		case errors.Is(err, liner.ErrPromptAborted): // Ctrl-C drops the line
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(s.Err)
			return nil
		case err != nil:
			return err
		}
		words, err := Split(line)
		if err == nil && len(words) > 0 {
			terminal.AppendHistory(line)
			s.remember(terminal)
			command, done := interruptible(ctx)
			err = s.Run(command, words)
			done()
		}
		switch {
		case errors.Is(err, ErrExit):
			return nil
		case err != nil && !errors.Is(err, ErrFailed):
			fmt.Fprintln(s.Err, err)
		}
	}
}

// recall reads the history; without one the shell works as well.
func (s *Shell) recall(terminal *liner.State) {
	if s.History == "" {
		return
	}
	if f, err := os.Open(s.History); err == nil {
		defer f.Close()
		_, _ = terminal.ReadHistory(f) // as far as it goes
	}
}

// remember writes the history after every command, so that a terminal that is
// closed loses none. Only its owner may read it: values can be secrets.
func (s *Shell) remember(terminal *liner.State) {
	if s.History == "" || os.MkdirAll(filepath.Dir(s.History), 0o700) != nil {
		return
	}
	var b strings.Builder
	if _, err := terminal.WriteHistory(&b); err == nil {
		_ = os.WriteFile(s.History, []byte(b.String()), 0o600) // a lost history is no reason to stop
	}
}
