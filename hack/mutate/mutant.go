package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutant is one way to break the product.
type mutant struct {
	name   string
	breaks string // what is not kept any more
	file   string
	// in begins the declaration that is changed, such as "func (w *writer) sync(";
	// from there to the first "\n}\n", old is there once. "" is the whole file.
	in       string
	old, new string
	killers  []killer // tried in order until one fails
}

// killer is tests that are there to notice a mutant.
type killer struct {
	dir   string // of the package, such as ./internal/kv/wal
	tests string // for go test -run
}

// place returns where the text to be replaced is in the file's content.
func (m *mutant) place(content string) (from, to int, err error) {
	part, start := content, 0
	if m.in != "" {
		if strings.Count(content, "\n"+m.in) != 1 {
			return 0, 0, fmt.Errorf("%s does not have %q once", m.file, m.in)
		}
		start = strings.Index(content, "\n"+m.in) + 1
		end := strings.Index(content[start:], "\n}\n")
		if end < 0 {
			return 0, 0, fmt.Errorf("%s: %q has no end", m.file, m.in)
		}
		part = content[start : start+end]
	}
	if n := strings.Count(part, m.old); n != 1 {
		return 0, 0, fmt.Errorf("%s has the text to replace %d times and not once in %q: adapt the mutant to the code:\n%s", m.file, n, m.in, m.old)
	}
	from = start + strings.Index(part, m.old)
	return from, from + len(m.old), nil
}

// apply returns the changed content of the file, which is below root.
func (m *mutant) apply(root string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	content := string(b)
	from, to, err := m.place(content)
	if err != nil {
		return "", err
	}
	return content[:from] + m.new + content[to:], nil
}
