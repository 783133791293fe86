// Command commands prints docs/commands.md, which is made from the table of commands.
package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ringkv/ringkv/internal/kv/command"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	write := func(lines ...string) { fmt.Fprintln(out, strings.Join(lines, "\n")) }
	write(introduction)
	for _, g := range groups {
		writeGroup(write, g)
	}
	write("", "## Not supported", "", "| Commands | Why |", "|---|---|")
	for _, m := range missing {
		writeMissing(write, m)
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "commands: write the page:", err)
		os.Exit(1)
	}
}

// groups are the groups of COMMAND DOCS, in the order of the page.
var groups = []struct{ name, title string }{
	{"string", "Strings"}, {"bitmap", "Bitmaps"}, {"generic", "Keys"}, {"transactions", "Transactions"},
	{"connection", "Connection"}, {"server", "Server"}, {"scripting", "Scripts"}, {"cluster", "Cluster"},
}

func writeGroup(write func(...string), g struct{ name, title string }) {
	var rows [][]string
	for _, s := range command.All() {
		if s.Group != g.name {
			continue
		}
		rows = append(rows, row(s.Name, s))
		for _, sub := range s.Subcommands {
			rows = append(rows, row(s.Name+" "+sub.Name, sub))
		}
	}
	if len(rows) == 0 {
		return
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	write("", "## "+g.title, "", "| Command | Since | What it does | Differences and why |", "|---|---|---|---|")
	for _, r := range rows {
		write("| " + strings.Join(r, " | ") + " |")
	}
}

func row(name string, s *command.Spec) []string {
	difference := s.Difference
	if s.Flags&command.ClusterOnly != 0 {
		difference = strings.TrimSpace("On the cluster port only. " + difference)
	}
	full := strings.ToUpper(name)
	if s.Syntax != "" {
		full += " `" + cell(s.Syntax) + "`"
	}
	return []string{full, s.Since, cell(s.Summary), cell(difference)}
}

// cell keeps a text from ending its cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// writeMissing names the commands of a row that the table does not have.
func writeMissing(write func(...string), m struct{ commands, why string }) {
	var names []string
	for _, name := range strings.Fields(m.commands) {
		if command.Lookup([]byte(name)) == nil {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		write(fmt.Sprintf("| %s | %s |", strings.Join(names, " "), m.why))
	}
}
