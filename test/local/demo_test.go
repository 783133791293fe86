package local

import (
	"context"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDemoLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("needs real processes and some seconds")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*budget)
	defer cancel()
	out, err := exec.CommandContext(ctx, kvctl(), "demo", "--keys", "5000").CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
	require.Regexp(t, regexp.MustCompile(`(?m)^keys +5000 acknowledged, 5000 read back$`), string(out))
	require.Regexp(t, regexp.MustCompile(`(?m)^lost +0$`), string(out))
}
