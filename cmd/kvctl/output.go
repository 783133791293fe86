package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// output is the form that a command shows things in: the value of its -o flag.
type output struct {
	form  string
	forms []string
}

// outputFlag adds -o to a command. Text is always possible; forms are the others. "wide"
// is text, too, where there is no more to show.
func outputFlag(cmd *cobra.Command, forms ...string) *output {
	o := &output{forms: append([]string{"text"}, forms...)}
	cmd.Flags().StringVarP(&o.form, "output", "o", "text", "form of the output: "+strings.Join(o.forms, ", "))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(o.forms, cobra.ShellCompDirectiveNoFileComp)))
	return o
}

func (o *output) check() error {
	if o.form != "wide" && !slices.Contains(o.forms, o.form) {
		return usageError{fmt.Errorf("--output %q: want %s", o.form, strings.Join(o.forms, ", "))}
	}
	return nil
}

// wide tells whether more columns are wanted.
func (o *output) wide() bool { return o.form == "wide" }

// data writes value as JSON or YAML and returns true, or returns false if people
// are to read it.
func (o *output) data(w io.Writer, value any) (bool, error) {
	switch o.form {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return true, encoder.Encode(value)
	case "yaml":
		b, err := yaml.Marshal(value)
		if err == nil {
			_, err = w.Write(b)
		}
		return true, err
	}
	return false, nil
}
