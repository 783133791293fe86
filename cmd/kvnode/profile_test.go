package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProfilesAreServedBesideTheMetrics(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := profileHandler(metrics)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	require.Equal(t, http.StatusTeapot, get("/metrics").Code)
	for _, profile := range []string{"heap", "goroutine", "mutex", "block", "allocs"} {
		w := get("/debug/pprof/" + profile)
		require.Equal(t, http.StatusOK, w.Code, profile)
		require.Equal(t, []byte{0x1f, 0x8b}, w.Body.Bytes()[:2], "%s is a gzip file, as go tool pprof reads it", profile)
	}
}
