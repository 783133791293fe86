package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// result is what became of a mutant.
type result struct {
	*mutant
	killer string // the test that noticed it; "" if none did
	dir    string // of its package
}

func (r result) String() string {
	if r.killer == "" {
		return "LIVES: " + r.breaks
	}
	return "killed by " + r.killer + " in " + r.dir
}

// testTimeout ends a test that a mutant makes wait for ever.
const testTimeout = "3m"

// try runs the tests that should notice the mutant, until one does.
func (m *mutant) try(ctx context.Context, root string) (result, error) {
	r := result{mutant: m}
	content, err := m.apply(root)
	if err != nil {
		return r, err
	}
	o, err := newOverlay()
	if err != nil {
		return r, err
	}
	defer o.remove()
	if err := o.replace(filepath.Join(root, m.file), content); err != nil {
		return r, err
	}
	changed, err := o.flag()
	if err != nil {
		return r, err
	}
	for _, k := range m.killers {
		cmd := exec.CommandContext(ctx, "go", "test", changed, "-vet=off", "-count=1", "-failfast", "-v", "-timeout", testTimeout, "-run", k.tests, k.dir)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		var failed *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return r, ctx.Err()
		case err == nil && !strings.Contains(string(out), "=== RUN"):
			return r, fmt.Errorf("no test of %s matches %s", k.dir, k.tests)
		case err == nil:
			continue
		case !errors.As(err, &failed):
			return r, fmt.Errorf("run go test: %w", err)
		}
		if r.killer = failing(string(out)); r.killer == "" {
			return r, fmt.Errorf("no test failed, but go test did:\n%s", out)
		}
		r.dir = strings.TrimPrefix(k.dir, "./")
		return r, nil
	}
	return r, nil
}

var (
	failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	crash   = regexp.MustCompile(`(?m)^(panic|fatal error): `)
	started = regexp.MustCompile(`(?m)^=== RUN\s+(\S+)`)
)

// failing returns the test that failed, or that ran when the process died; "" if the
// output says nothing of the kind, as when it does not compile.
func failing(out string) string {
	if f := failure.FindStringSubmatch(out); f != nil {
		test, _, _ := strings.Cut(f[1], "/")
		return test
	}
	if at := crash.FindStringIndex(out); at != nil {
		if all := started.FindAllStringSubmatch(out[:at[0]], -1); len(all) > 0 {
			test, _, _ := strings.Cut(all[len(all)-1][1], "/")
			return test
		}
	}
	return ""
}
