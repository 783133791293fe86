package main

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// TestEveryMutantFitsTheCodeAndCompiles keeps the mutants up to date with the code;
// whether the tests notice them is for `make mutate`, which takes longer. All are
// applied at once, as far as they do not change the same lines.
func TestEveryMutantFitsTheCodeAndCompiles(t *testing.T) {
	type edit struct {
		from, to int
		text     string
	}
	names := map[string]bool{}
	var rounds []map[string][]edit
	for _, m := range mutants {
		require.False(t, names[m.name], "two mutants are called %s", m.name)
		names[m.name] = true
		require.NotEmpty(t, m.killers, m.name)
		require.NotEqual(t, m.old, m.new, m.name)
		b, err := os.ReadFile(filepath.Join(root, m.file))
		require.NoError(t, err, m.name)
		from, to, err := m.place(string(b))
		require.NoError(t, err, m.name)
		round := slices.IndexFunc(rounds, func(files map[string][]edit) bool {
			return !slices.ContainsFunc(files[m.file], func(e edit) bool { return from < e.to && e.from < to })
		})
		if round < 0 {
			round, rounds = len(rounds), append(rounds, map[string][]edit{})
		}
		rounds[round][m.file] = append(rounds[round][m.file], edit{from, to, m.new})
	}
	for _, files := range rounds {
		o, err := newOverlay()
		require.NoError(t, err)
		defer o.remove()
		args := []string{"build", "", "-o", os.DevNull}
		for file, edits := range files {
			b, err := os.ReadFile(filepath.Join(root, file))
			require.NoError(t, err)
			content := string(b)
			slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(b.from, a.from) }) // the last one first
			for _, e := range edits {
				content = content[:e.from] + e.text + content[e.to:]
			}
			require.NoError(t, o.replace(filepath.Join(root, file), content))
			if dir := "./" + filepath.ToSlash(filepath.Dir(file)); !slices.Contains(args, dir) {
				args = append(args, dir)
			}
		}
		args[1], err = o.flag()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

func TestTheFailingTestIsNamed(t *testing.T) {
	for out, want := range map[string]string{
		"=== RUN   TestA\n--- PASS: TestA\n=== RUN   TestB\n    --- FAIL: TestB/case (0.01s)\n": "TestB",
		"=== RUN   TestA\n=== RUN   TestA/x\npanic: boom\n\ngoroutine 1":                        "TestA",
		"# pkg\n./x.go:3: undefined: y\nFAIL\tpkg [build failed]\n":                             "",
	} {
		require.Equal(t, want, failing(out))
	}
}
