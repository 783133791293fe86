package load

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHandlerWatchesAndDrivesALoad(t *testing.T) {
	s := startServer(t)
	l := newLoad(t, Options{Addresses: []string{s.address()}})
	control := httptest.NewServer(NewHandler(l))
	defer control.Close()

	call := func(method, path string, status int, answer any) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, control.URL+path, nil)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, status, response.StatusCode)
		if answer != nil {
			require.NoError(t, json.NewDecoder(response.Body).Decode(answer))
		}
	}

	call(http.MethodGet, "/ready", http.StatusServiceUnavailable, nil)
	require.NoError(t, l.Fill(withBudget(t)))
	call(http.MethodGet, "/ready", http.StatusOK, nil)

	call(http.MethodPost, "/phase?name=scale", http.StatusOK, nil)
	call(http.MethodPost, "/phase", http.StatusBadRequest, nil)
	runUntil(t, l, done(200))
	var stats Stats
	call(http.MethodGet, "/stats", http.StatusOK, &stats)
	require.Equal(t, 40, stats.Written)
	require.EqualValues(t, 40, stats.Phase("start").Writes.Succeeded)
	require.GreaterOrEqual(t, stats.Phase("scale").Writes.Succeeded, uint64(160))
	require.NotZero(t, stats.Phase("scale").Writes.Pause.Millis)

	var v Verification
	call(http.MethodPost, "/verify", http.StatusOK, &v)
	require.True(t, v.OK())
	s.do(func() { clear(s.data) })
	call(http.MethodPost, "/verify", http.StatusOK, &v)
	require.Equal(t, 40, v.Lost)
}
