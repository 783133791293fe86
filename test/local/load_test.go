package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/load"
	"github.com/ringkv/ringkv/internal/localcluster"
)

func TestLoadCommandPrintsItsAccountWhenItIsStopped(t *testing.T) {
	c := start(t)
	control, err := localcluster.FreePort(1)
	require.NoError(t, err)
	cmd := exec.Command(kvctl(), "load", "--addresses", strings.Join(c.addresses(), ","), "--keys", "200",
		"--rate", "500", "--json", "--control-port", fmt.Sprint(control))
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	var stats load.Stats
	require.Eventually(t, func() bool {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/stats", control))
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return json.NewDecoder(response.Body).Decode(&stats) == nil && stats.Written == 200 && stats.Total.Reads.Succeeded > 100
	}, budget, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-ended:
		require.NoError(t, err, "%s%s", &errors, &out)
	case <-time.After(budget):
		require.Fail(t, "the load does not stop")
	}
	var account load.Account
	require.NoError(t, json.Unmarshal(out.Bytes(), &account), "%s", &out)
	require.True(t, account.OK)
	require.Equal(t, 200, account.Verification.Read)
	require.GreaterOrEqual(t, account.Stats.Total.Reads.Succeeded, stats.Total.Reads.Succeeded)
}
