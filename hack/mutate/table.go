package main

import (
	"fmt"
	"os"
	"strings"
)

// The marks in the page between which the table is.
const (
	tableBegins = "<!-- mutants: made by make mutate -->\n"
	tableEnds   = "<!-- end of mutants -->\n"
)

// table is the results in Markdown.
func table(results []result) string {
	var b strings.Builder
	fmt.Fprintln(&b, "| mutant | what it breaks | killed by |\n|---|---|---|")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | `%s` in `%s` |\n", r.name, r.breaks, r.killer, r.dir)
	}
	return b.String()
}

// writeTable replaces the table in a page.
func writeTable(page string, results []result) error {
	b, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(b), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return fmt.Errorf("%s has no %s and %s", page, strings.TrimSpace(tableBegins), strings.TrimSpace(tableEnds))
	}
	return os.WriteFile(page, []byte(before+tableBegins+table(results)+tableEnds+after), 0o644)
}
