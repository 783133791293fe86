//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/respclient"
	"github.com/ringkv/ringkv/test/history"
)

// connections are those of one client: one for each address that it has used.
type connections struct {
	open map[string]*respclient.Conn
	http *http.Client
}

func newConnections() *connections {
	return &connections{open: map[string]*respclient.Conn{}, http: &http.Client{Transport: &http.Transport{}}}
}

func (c *connections) close() {
	for _, conn := range c.open {
		_ = conn.Close() // it was of use until now
	}
	c.http.CloseIdleConnections()
}

// drop closes the connection to an address.
func (c *connections) drop(address string) {
	if conn := c.open[address]; conn != nil {
		_ = conn.Close() // nothing is expected of it
		delete(c.open, address)
	}
}

// answers are the replies to commands that were sent in one go.
type answers struct {
	replies []respclient.Reply
	// sent is false if certainly none of the commands has left.
	sent bool
	err  error // nil if all were answered
}

// exchange sends commands in one go and waits for the answers. A connection that
// failed is dropped.
func (c *connections) exchange(ctx context.Context, address string, commands ...[]string) answers {
	var a answers
	conn := c.open[address]
	if conn == nil {
		if conn, a.err = respclient.Dial(ctx, address); a.err != nil {
			return a
		}
		c.open[address] = conn
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	var out []byte
	for _, words := range commands {
		out = respclient.AppendCommand(out, words...)
	}
	a.sent = true
	a.err = conn.Write(out)
	for range commands {
		var r respclient.Reply
		if a.err == nil {
			a.err = conn.Read(&r)
		}
		a.replies = append(a.replies, r)
	}
	if !stop() || a.err != nil {
		c.drop(address) // what comes on it now belongs to nobody
	}
	return a
}

// wire is a reply as it stands on a RESP2 connection.
func wire(r *respclient.Reply) string {
	switch {
	case r.Null:
		return string(r.Kind) + "-1\r\n"
	case r.Kind == respclient.Bulk:
		return fmt.Sprintf("$%d\r\n%s\r\n", len(r.Text), r.Text)
	case r.Kind == respclient.Array:
		var b strings.Builder
		fmt.Fprintf(&b, "*%d\r\n", len(r.Elements))
		for i := range r.Elements {
			b.WriteString(wire(&r.Elements[i]))
		}
		return b.String()
	}
	return string(r.Kind) + string(r.Text) + "\r\n"
}

// settle says what became of an operation from the answer to the command that has it
// executed. The server promises that after any error but UNKNOWNRESULT nothing has
// happened and nothing will.
func settle(o *history.Operation, a answers) {
	switch {
	case !a.sent:
		o.Outcome, o.Reply = history.Refused, "cannot connect"
		return
	case a.err != nil:
		o.Outcome, o.Reply = history.Unknown, "no answer"
		return
	}
	r := &a.replies[len(a.replies)-1]
	o.Reply = wire(r)
	switch {
	case r.Kind == respclient.Failure && strings.HasPrefix(string(r.Text), "UNKNOWNRESULT"):
		o.Outcome = history.Unknown
	case r.Kind == respclient.Failure:
		o.Outcome = history.Refused
	}
}

// movedTo returns the address that a client of Redis Cluster is sent to, or "".
func movedTo(a answers) string {
	for i := range a.replies {
		if words := strings.Fields(string(a.replies[i].Text)); len(words) == 3 && a.replies[i].Kind == respclient.Failure && words[0] == "MOVED" {
			return words[2]
		}
	}
	return ""
}

// get reads a key over HTTP; version is its ETag.
func (c *connections) get(ctx context.Context, address, key string) (value, version string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v1/keys/"+key, nil)
	if err != nil {
		return "", "", err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return "", "", err
	case response.StatusCode == http.StatusNotFound:
		return "", "", nil
	case response.StatusCode != http.StatusOK:
		return "", "", fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), response.Header.Get("ETag"), nil
}

// putIf writes a key over HTTP if it still has the version, or if it is not there when
// version is "", and fills in the outcome.
func (c *connections) putIf(ctx context.Context, address, key, value, version string, o *history.Operation) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+address+"/v1/keys/"+key, strings.NewReader(value))
	if err != nil {
		o.Outcome, o.Reply = history.Refused, err.Error()
		return
	}
	if version == "" {
		request.Header.Set("If-None-Match", "*")
	} else {
		request.Header.Set("If-Match", version)
	}
	response, err := c.http.Do(request)
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		o.Outcome, o.Reply = history.Refused, "cannot connect"
		return
	case err != nil:
		o.Outcome, o.Reply = history.Unknown, "no answer"
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	o.Reply = fmt.Sprintf("%s: %s", response.Status, body)
	switch {
	case response.StatusCode == http.StatusOK:
		o.Reply = "+OK\r\n"
	case response.StatusCode == http.StatusPreconditionFailed:
		o.Reply = history.NotMet
	case err != nil || strings.Contains(o.Reply, "OUTCOME_UNKNOWN"):
		o.Outcome = history.Unknown
	default:
		o.Outcome = history.Refused
	}
}
