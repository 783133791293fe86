package localcluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
)

// oneCall sends every call on a connection of its own. On one that was kept, a
// cluster that ended in between answers a change with an end of file, which does
// not tell whether the change was made; a new connection is refused, which does.
var oneCall = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Client looks at, and changes, a Cluster that runs in another process.
type Client struct {
	dir  string
	info controlInfo
}

// ErrNotRunning means that no Cluster runs on the folder.
var ErrNotRunning = errors.New("no cluster runs")

// Connect finds the Cluster that runs on dir. The error is ErrNotRunning if there
// is none.
func Connect(dir string) (*Client, error) {
	b, err := os.ReadFile(filepath.Join(dir, controlFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w on %s: start one with kvctl local --dir %s", ErrNotRunning, dir, dir)
	}
	if err != nil {
		return nil, err
	}
	c := &Client{dir: dir}
	if err := json.Unmarshal(b, &c.info); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, controlFile), err)
	}
	return c, nil
}

// Status is Cluster.Status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.do(ctx, http.MethodGet, "/status", nil, &s)
	return s, err
}

// AddNode is Cluster.AddNode.
func (c *Client) AddNode(ctx context.Context, n NewNode) error {
	return c.do(ctx, http.MethodPost, "/nodes", n, nil)
}

// RemoveNode is Cluster.RemoveNode.
func (c *Client) RemoveNode(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodPost, "/nodes/"+url.PathEscape(name)+"/leave", struct{}{}, nil)
}

// SetReplicationFactor is Cluster.SetReplicationFactor.
func (c *Client) SetReplicationFactor(ctx context.Context, n int) error {
	return c.do(ctx, http.MethodPost, "/replication-factor", replicationFactor{n}, nil)
}

// Rebalance is Cluster.Rebalance.
func (c *Client) Rebalance(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/rebalance", struct{}{}, nil)
}

func (c *Client) do(ctx context.Context, method, path string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+c.info.Address+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.info.Token)
	response, err := oneCall.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		// The file is what a killed process left behind.
		return fmt.Errorf("%w on %s any more: start it with kvctl local --dir %s", ErrNotRunning, c.dir, c.dir)
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var refusal controlError
		if err := json.NewDecoder(response.Body).Decode(&refusal); err != nil {
			return fmt.Errorf("%s %s: %s", method, path, response.Status)
		}
		return errors.New(refusal.Error)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	return json.NewDecoder(response.Body).Decode(into)
}
