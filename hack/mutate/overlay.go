package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// overlay is a folder with changed copies of source files, for the go command's flag
// -overlay.
type overlay struct {
	dir      string
	replaced map[string]string // by the full name of the original
}

func newOverlay() (*overlay, error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, fmt.Errorf("make a folder for changed files: %w", err)
	}
	return &overlay{dir: dir, replaced: map[string]string{}}, nil
}

// replace puts content in place of a file.
func (o *overlay) replace(file, content string) error {
	original, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	changed := filepath.Join(o.dir, fmt.Sprintf("%d.go", len(o.replaced)))
	o.replaced[original] = changed
	return os.WriteFile(changed, []byte(content), 0o644)
}

// flag returns the argument for the go command.
func (o *overlay) flag() (string, error) {
	b, err := json.Marshal(map[string]any{"Replace": o.replaced})
	if err != nil {
		return "", err
	}
	name := filepath.Join(o.dir, "overlay.json")
	return "-overlay=" + name, os.WriteFile(name, b, 0o644)
}

func (o *overlay) remove() { _ = os.RemoveAll(o.dir) } // the system empties its folder for such files
