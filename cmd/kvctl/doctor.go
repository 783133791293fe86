package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/doctor"
	"github.com/ringkv/ringkv/internal/target"
)

func newDoctorCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with the cluster, and what to do",
		Long: `Say what is wrong with the cluster, and what to do.

The exit code is 1 if there is a problem. Notes, which are about weaknesses and about
what is under way, do not count.`,
		Args: cobra.NoArgs,
	}
	out := outputFlag(cmd, "json", "yaml")
	cmd.RunE = s.look(out, func(w io.Writer, o *target.Observation) error {
		findings := doctor.Examine(o)
		if findings == nil {
			findings = []doctor.Finding{} // an empty list as data, too
		}
		done, err := out.data(w, map[string]any{"healthy": doctor.Healthy(findings), "findings": findings})
		if !done {
			printFindings(w, o, findings)
		}
		if err == nil && !doctor.Healthy(findings) {
			err = errReported
		}
		return err
	})
	return cmd
}

func printFindings(w io.Writer, o *target.Observation, findings []doctor.Finding) {
	for _, f := range findings {
		kind := "note"
		if f.Problem {
			kind = "PROBLEM"
		}
		fmt.Fprintf(w, "%-8s %s\n", kind, f.What)
		if f.Advice != "" {
			fmt.Fprintf(w, "         what to do: %s\n", f.Advice)
		}
	}
	if doctor.Healthy(findings) {
		s := o.Summarize()
		fmt.Fprintf(w, "%s is well: %d nodes, %d partitions with a leader and %d copies each\n",
			o.Name, len(s.Nodes), s.Partitions, s.ReplicationFactor)
	}
}
