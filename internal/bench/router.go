package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/ring"
	"github.com/ringkv/ringkv/internal/respclient"
)

// maxRedirects bounds how often a command is sent on.
const maxRedirects = 5

// askAgain is the shortest time between two questions who serves what.
const askAgain = 100 * time.Millisecond

// router knows which server has each slot: as CLUSTER SLOTS said, and MOVED since.
// All workers share it.
type router struct {
	options *Options
	slots   [ring.Slots]atomic.Pointer[string] // addresses as the cluster names them

	mu    sync.Mutex
	asked time.Time // when the cluster was asked the last time; guarded by mu
}

// newRouter asks the cluster, and fails if there is a slot that nobody has.
func newRouter(ctx context.Context, o *Options) (*router, error) {
	r := &router{options: o}
	if err := r.ask(ctx); err != nil {
		return nil, err
	}
	for slot := range r.slots {
		if r.slots[slot].Load() == nil {
			return nil, fmt.Errorf("no server has slot %d: the cluster is not complete", slot)
		}
	}
	return r, nil
}

// of returns the server of a slot.
func (r *router) of(slot int) string { return *r.slots[slot].Load() }

// reach is where a server is reached from here.
func (r *router) reach(server string) string {
	if address := r.options.Reach[server]; address != "" {
		return address
	}
	return server
}

// moved remembers where an error reply sends a command to, and returns that; false if
// the reply is none of that kind. from is the server that answered.
func (r *router) moved(reply *respclient.Reply, from string) (string, bool) {
	if reply.Kind != respclient.Failure {
		return "", false
	}
	words := strings.Fields(string(reply.Text))
	if len(words) != 3 || words[0] != "MOVED" {
		return "", false
	}
	slot, err := strconv.Atoi(words[1])
	if err != nil || slot < 0 || slot >= ring.Slots {
		return "", false
	}
	to := words[2]
	if strings.HasPrefix(to, ":") { // the host that answered, at another port
		host, _, _ := net.SplitHostPort(from)
		to = net.JoinHostPort(host, to[1:])
	}
	r.slots[slot].Store(&to)
	return to, true
}

// broken asks the cluster again after a connection broke: who had its slots may have
// lost them. It keeps what is known if nobody answers.
func (r *router) broken(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.asked) < askAgain {
		return
	}
	_ = r.ask(ctx) // the commands to come fail if it is as bad as that, and are counted
}

// ask asks the first server that answers.
func (r *router) ask(ctx context.Context) error {
	var errs []error
	for _, address := range r.options.Addresses {
		err := r.askServer(ctx, address)
		r.asked = time.Now()
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("ask %s who serves which slots: %w", address, err))
	}
	return errors.Join(errs...)
}

func (r *router) askServer(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	conn, err := respclient.Dial(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	reply, err := conn.Do(ctx, "CLUSTER", "SLOTS")
	if err != nil {
		return err
	}
	for i := range reply.Elements {
		if err := r.take(&reply.Elements[i], address); err != nil {
			return err
		}
	}
	return nil
}

// take takes a range of slots: first, last, and the server as host, port and more. An
// empty host is that of the server that was asked.
func (r *router) take(slots *respclient.Reply, asked string) error {
	if len(slots.Elements) < 3 || len(slots.Elements[2].Elements) < 2 {
		return fmt.Errorf("%w: CLUSTER SLOTS", respclient.ErrProtocol)
	}
	first, err1 := strconv.Atoi(string(slots.Elements[0].Text))
	last, err2 := strconv.Atoi(string(slots.Elements[1].Text))
	if err1 != nil || err2 != nil || first < 0 || last < first || last >= ring.Slots {
		return fmt.Errorf("%w: CLUSTER SLOTS %q to %q", respclient.ErrProtocol, slots.Elements[0].Text, slots.Elements[1].Text)
	}
	host, port := string(slots.Elements[2].Elements[0].Text), string(slots.Elements[2].Elements[1].Text)
	if host == "" {
		host, _, _ = net.SplitHostPort(asked)
	}
	server := net.JoinHostPort(host, port)
	for slot := first; slot <= last; slot++ {
		r.slots[slot].Store(&server)
	}
	return nil
}
