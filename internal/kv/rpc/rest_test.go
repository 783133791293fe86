package rpc

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysAsPlainHTTPResources(t *testing.T) {
	seats := startCluster(t, 3, 4, 2)
	s := seats[0]
	resp, body := s.http("PUT", "/v1/keys/a/b", "hello", "If-None-Match: *")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	etag := resp.Header.Get("ETag")
	require.Regexp(t, `^"[0-9]+"$`, etag)

	resp, body = seats[1].http("GET", "/v1/keys/a/b", "")
	require.Equal(t, "hello", body)
	require.Equal(t, etag, resp.Header.Get("ETag"))
	resp, _ = seats[2].http("GET", "/v1/keys/a%2Fb", "", "If-None-Match: "+etag)
	require.Equal(t, http.StatusNotModified, resp.StatusCode)

	resp, body = s.http("PUT", "/v1/keys/a/b", "again", "If-None-Match: *")
	require.Equal(t, http.StatusPreconditionFailed, resp.StatusCode)
	require.Contains(t, body, `"currentVersion":`+strings.Trim(etag, `"`))
	resp, body = s.http("PUT", "/v1/keys/a/b", "again", "If-Match: "+etag)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	resp, _ = s.http("DELETE", "/v1/keys/a/b", "", "If-Match: "+etag)
	require.Equal(t, http.StatusPreconditionFailed, resp.StatusCode)
	resp, _ = s.http("GET", "/v1/keys/a/b", "")
	_, body = s.http("DELETE", "/v1/keys/a/b", "", "If-Match: "+resp.Header.Get("ETag"))
	require.JSONEq(t, `{"deleted":true}`, body)
	_, body = s.http("DELETE", "/v1/keys/a/b", "")
	require.JSONEq(t, `{"deleted":false}`, body)
	resp, body = s.http("GET", "/v1/keys/a/b", "")
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	require.Contains(t, body, `"reason":"KEY_NOT_FOUND"`)

	resp, _ = s.http("PUT", "/v1/keys/t?ttl=90s", "x")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	resp, _ = s.http("GET", "/v1/keys/t", "")
	require.NotEmpty(t, resp.Header.Get(expireHeader))
	_, body = s.http("POST", "/v1/keys/n?add=5", "")
	require.Contains(t, strings.ReplaceAll(body, " ", ""), `"value":"5"`)
	_, body = s.http("GET", "/v1/size", "")
	require.JSONEq(t, `{"keys":"2"}`, body)
	_, body = s.http("GET", "/v1/cluster", "")
	require.True(t, json.Valid([]byte(body)))
}

// TestIfMatchStarIsMetByAnyVersion: RFC 9110, section 13.1.1.
func TestIfMatchStarIsMetByAnyVersion(t *testing.T) {
	seats := startCluster(t, 3, 4, 2)
	s := seats[0]
	for _, method := range []string{"PUT", "DELETE"} {
		resp, body := s.http(method, "/v1/keys/k", "v", "If-Match: *")
		require.Equal(t, http.StatusPreconditionFailed, resp.StatusCode, body)
		require.Contains(t, body, `"reason":"CONDITION_NOT_MET"`)
	}
	resp, body := s.http("GET", "/v1/keys/k", "")
	require.Equal(t, http.StatusNotFound, resp.StatusCode, body)

	resp, body = s.http("PUT", "/v1/keys/k", "one")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	resp, body = s.http("PUT", "/v1/keys/k", "two", "If-Match: *")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	_, body = seats[1].http("GET", "/v1/keys/k", "")
	require.Equal(t, "two", body)

	// Writers who are in each other's way are all right: the key is always there.
	var writers sync.WaitGroup
	statuses := make(chan int, 24)
	for i := range 8 {
		writers.Go(func() {
			for range cap(statuses) / 8 {
				resp, _ := seats[i%len(seats)].http("PUT", "/v1/keys/k", "many", "If-Match: *")
				statuses <- resp.StatusCode
			}
		})
	}
	writers.Wait()
	close(statuses)
	for status := range statuses {
		require.Equal(t, http.StatusOK, status)
	}

	resp, body = s.http("PUT", "/v1/keys/k", "three", "If-Match: *", "If-None-Match: *")
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, body)
	resp, body = s.http("PUT", "/v1/keys/k", "three", "If-Match: *", "Idempotency-Key: a")
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, body)
	require.Contains(t, body, "exclude each other")
	_, body = s.http("DELETE", "/v1/keys/k", "", "If-Match: *")
	require.JSONEq(t, `{"deleted":true}`, body)
}

// TestAnyBytesCanBeAKeyInAPath: slashes in a row, dots and what is no text included.
func TestAnyBytesCanBeAKeyInAPath(t *testing.T) {
	s := startCluster(t, 1, 2, 1)[0]
	for _, path := range []string{"a//b", "a/../b", "./x", "%00%ff", "a%20b%3Fc", "%2F", "a+b", "é"} {
		resp, body := s.http("PUT", "/v1/keys/"+path, path)
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", path, body)
		_, body = s.http("GET", "/v1/keys/"+path, "")
		require.Equal(t, path, body)
	}
	_, body := s.http("GET", "/v1/keys?values=true", "")
	require.Contains(t, body, `"key":"a//b","value":"a//b"`)
	require.Contains(t, body, `"keyBase64":"AP8="`)
	require.Contains(t, body, `"key":"a b?c"`)
	require.Equal(t, 8, strings.Count(body, "\n"), body)
}

func TestBadPlainRequestsAreToldWhatIsWrong(t *testing.T) {
	s := startCluster(t, 1, 2, 1)[0]
	for _, c := range []struct {
		method, path string
		header       string
		status       int
		says         string
	}{
		{"PUT", "/v1/keys/k?ttl=soon", "", 400, "ttl is"},
		{"PUT", "/v1/keys/k?ttl=-1", "", 400, "millisecond"},
		{"PUT", "/v1/keys/k", "If-Match: abc", 400, "If-Match"},
		{"PUT", "/v1/keys/k", "If-Match: \"1\", \"2\"", 400, "If-Match"},
		{"PUT", "/v1/keys/k", "If-None-Match: \"1\"", 400, "If-None-Match"},
		{"DELETE", "/v1/keys/k", "If-None-Match: *", 400, "makes no sense"},
		{"POST", "/v1/keys/k?add=1", "If-Match: *", 400, "POST knows no If-Match"},
		{"POST", "/v1/keys/k?add=1", "If-None-Match: *", 400, "POST knows no If-Match"},
		{"POST", "/v1/keys/k", "", 400, "?add="},
		{"PATCH", "/v1/keys/k", "", 405, "PUT"},
		{"DELETE", "/v1/size", "", 405, "GET"},
		{"GET", "/v1/keys?limit=x", "", 400, "limit is"},
		{"GET", "/v1/keys?page=x", "", 400, "page is"},
		{"GET", "/v1/keys?page=AAAA", "", 400, "page_token"},
		{"GET", "/v1/keys?values=x", "", 400, "values is"},
		{"GET", "/v1/keys/k?consistency=x", "", 400, "consistency is"},
		{"GET", "/nothing", "", 404, "/v1/keys"},
	} {
		resp, body := s.http(c.method, c.path, "", c.header)
		require.Equal(t, c.status, resp.StatusCode, "%s %s: %s", c.method, c.path, body)
		require.Contains(t, body, c.says)
		require.True(t, json.Valid([]byte(body)), body)
	}
	resp, body := s.http("PUT", "/v1/keys/k", strings.Repeat("x", MaxValueBytes+1))
	require.Equal(t, 400, resp.StatusCode)
	require.Contains(t, body, "more than")
}

func TestConnectIsJSONOverHTTP(t *testing.T) {
	s := startCluster(t, 1, 2, 1)[0]
	resp, body := s.http("POST", "/kv.v1.KV/Put", `{"key":"aw==","value":"dg=="}`, "Content-Type: application/json")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	resp, body = s.http("POST", "/kv.v1.KV/Get", `{"key":"aw=="}`, "Content-Type: application/json")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	require.Contains(t, body, `"value":"dg=="`)
	resp, body = s.http("POST", "/kv.v1.KV/Get", `{"key":1}`, "Content-Type: application/json")
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, body)
}

// TestTheDescriptionNamesEveryPathThatIsServed: each answers something else than
// "nothing is served".
func TestTheDescriptionNamesEveryPathThatIsServed(t *testing.T) {
	s := startCluster(t, 1, 1, 1)[0]
	resp, body := s.http("GET", "/openapi.yaml", "")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	operations, path := 0, ""
	for _, line := range regexp.MustCompile(`(?m)^  (?:(/\S+)|  (get|put|post|delete)):$`).FindAllStringSubmatch(body, -1) {
		if line[1] != "" {
			path = line[1]
			continue
		}
		operations++
		_, body := s.http(strings.ToUpper(line[2]), strings.ReplaceAll(path, "{key}", "k"), "{}", "Content-Type: application/json")
		require.NotContains(t, body, "nothing is served", path)
		require.NotContains(t, body, "404 page not found", path)
	}
	require.Equal(t, 18, operations, "ten calls, eight plain requests")
}

func TestAWatchAsLinesOfJSON(t *testing.T) {
	seats := startCluster(t, 3, 4, 2)
	seats[0].http("PUT", "/v1/keys/w/1", "before")
	open := func(query string) *bufio.Scanner {
		resp, err := http.Get(seats[1].url("/v1/watch?" + query))
		require.NoError(t, err)
		t.Cleanup(func() { resp.Body.Close() })
		require.Equal(t, http.StatusOK, resp.StatusCode)
		return bufio.NewScanner(resp.Body)
	}
	next := func(lines *bufio.Scanner) (line struct{ Kind, Key, Value, Resume string }) {
		require.True(t, lines.Scan(), "%v", lines.Err())
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		return line
	}
	lines := open("prefix=w/")
	begun := next(lines)
	require.Empty(t, begun.Kind)
	seats[2].http("PUT", "/v1/keys/w/1", "after")
	for _, resumed := range []bool{false, true} {
		if resumed {
			lines = open("prefix=w/&resume=" + begun.Resume)
		}
		line := next(lines)
		for line.Kind == "" {
			line = next(lines)
		}
		require.Equal(t, "put w/1 after", line.Kind+" "+line.Key+" "+line.Value)
	}
	for query, says := range map[string]string{"": "no target", "key=k&prefix=p": "exclude", "key=k&after=x": "after is", "key=k&resume=%25": "resume is"} {
		resp, body := seats[0].http("GET", "/v1/watch?"+query, "")
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, body)
		require.Contains(t, body, says)
	}
}

func TestCurlCanUseIt(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	s := startCluster(t, 1, 2, 1)[0]
	run := func(args ...string) string {
		out, err := exec.Command(curl, append([]string{"--silent", "--show-error", "--fail-with-body"}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	run("-X", "PUT", "--data-binary", "hello", s.url("/v1/keys/from-curl"))
	require.Equal(t, "hello", run(s.url("/v1/keys/from-curl")))
	require.Equal(t, "hello", run("--http2-prior-knowledge", s.url("/v1/keys/from-curl")))
	require.Contains(t, run("-X", "POST", s.url("/v1/keys/n?add=3")), `"3"`)
}
