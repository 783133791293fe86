// Command mutate shows that the tests notice when a promise is broken. It breaks the
// product in named ways, one at a time, and runs the tests that are there for it: a
// mutant that lives is a test that is missing.
//
//	go run ./hack/mutate                  # all of them
//	go run ./hack/mutate -run lease       # those whose name matches
//	go run ./hack/mutate -doc docs/testing.md
//
// The source files stay as they are: the go command is told to take changed copies in
// their place (its flag -overlay).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"
)

func main() {
	only := flag.String("run", "", "take the mutants whose name matches this regular expression")
	doc := flag.String("doc", "", "write the table of all mutants into this page, between its two marks")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *doc); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only, doc string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	var results []result
	alive, start := 0, time.Now()
	for _, m := range mutants {
		if !pattern.MatchString(m.name) {
			continue
		}
		began := time.Now()
		r, err := m.try(ctx, ".")
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		results = append(results, r)
		fmt.Printf("%-40s %4.0f s  %s\n", m.name, time.Since(began).Seconds(), r)
		if r.killer == "" {
			alive++
		}
	}
	fmt.Printf("%d mutants in %.0f s, %d live\n", len(results), time.Since(start).Seconds(), alive)
	switch {
	case len(results) == 0:
		return fmt.Errorf("no mutant's name matches %q", only)
	case alive > 0:
		return fmt.Errorf("%d mutants live: the tests that should notice them are missing", alive)
	case doc != "":
		return writeTable(doc, results)
	}
	return nil
}
