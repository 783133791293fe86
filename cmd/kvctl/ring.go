package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ringkv/ringkv/internal/ringview"
	"github.com/ringkv/ringkv/internal/target"
)

func newRingCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ring",
		Short: "Draw the hash ring: who owns what, and how the keys are spread",
		Long: `Draw the hash ring: the virtual nodes of every node, who leads and holds each
partition, and how the keys are spread; in the terminal, or as an SVG picture.`,
		Example: "  kvctl ring\n  kvctl ring --svg ring.svg",
		Args:    cobra.NoArgs,
	}
	file := cmd.Flags().String("svg", "", "write a picture to this file instead; - is the standard output")
	out := outputFlag(cmd, "json", "yaml")
	cmd.RunE = s.look(out, func(w io.Writer, o *target.Observation) error {
		v := ringview.Of(o)
		switch *file {
		case "":
		case "-":
			_, err := io.WriteString(w, v.SVG())
			return err
		default:
			if err := os.WriteFile(*file, []byte(v.SVG()), 0o644); err != nil {
				return err
			}
			_, err := fmt.Fprintln(w, "wrote", *file)
			return err
		}
		if done, err := out.data(w, v); done {
			return err
		}
		return v.Terminal(w, isTerminal(w))
	})
	return cmd
}

// isTerminal tells whether a person looks at what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
