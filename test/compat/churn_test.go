package compat

import (
	"context"
	"fmt"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// allowed are the errors that a client may show while nodes die: it could not
// connect, it lost its connection or patience, or the server said that the command
// was not executed or may have been. What says that a client was sent in circles
// or misunderstood an answer is not among them.
var allowed = regexp.MustCompile(`(?i)connect|closed|reset|refused|EOF|broken pipe|time[d ]*out|CLUSTERDOWN|UNKNOWNRESULT|max retries per request`)

// worker writes a new key with every operation while nodes die.
type worker struct {
	kind
	client
	prefix       string
	acknowledged []int
	attempts     int
	refused      map[string]int
	bad          []string
}

func (w *worker) key(i int) string { return fmt.Sprintf("%s%d", w.prefix, i) }

func (w *worker) step() error {
	i := w.attempts
	w.attempts++
	err := w.set(w.key(i), fmt.Sprint(i))
	if err == nil {
		w.acknowledged = append(w.acknowledged, i)
		return nil
	}
	text := err.Error()
	w.refused[text[:min(len(text), 60)]]++
	if !allowed.MatchString(text) && (w.own == nil || !w.own.MatchString(text)) {
		w.bad = append(w.bad, text)
	}
	return err
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		if w.step() != nil {
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond): // as a user would
			}
		}
	}
}

// verify reads back what was acknowledged, with the client that wrote it: it must
// have found the cluster again.
func (w *worker) verify(t *testing.T) {
	t.Logf("%d of %d writes acknowledged; refused: %v", len(w.acknowledged), w.attempts, w.refused)
	require.Empty(t, w.bad, "errors that do not come from a node's end")
	before := len(w.acknowledged)
	require.Eventually(t, func() bool { return w.step() == nil }, budget, 10*time.Millisecond, "the client does not come back")
	require.Greater(t, before, 20)
	for _, i := range w.acknowledged {
		value, err := w.get(w.key(i))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i), value, "key %s was acknowledged", w.key(i))
	}
}

func TestClientsSurviveTheEndOfNodesWithoutLosingAWrite(t *testing.T) {
	if nodes == nil {
		t.Skip("needs real processes and some seconds")
	}
	var workers []*worker
	for _, k := range kinds {
		t.Run("open "+k.String(), func(t *testing.T) {
			prefix := newPrefix()
			workers = append(workers, &worker{kind: k, client: k.open(t, k.port.addresses(), prefix), prefix: prefix, refused: map[string]int{}})
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan struct{})
	for _, w := range workers {
		go func() {
			w.run(ctx)
			ended <- struct{}{}
		}()
	}
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		for i := range nodes.Status(ctx).Nodes {
			before := nodes.Status(ctx).Nodes[i]
			require.NoError(t, syscall.Kill(before.PID, signal))
			require.Eventually(t, func() bool {
				s := nodes.Status(ctx)
				return s.Nodes[i].Restarts > before.Restarts && s.Ready()
			}, budget, 20*time.Millisecond, "%s after %s", before.Name, signal)
		}
	}
	stop()
	for range workers {
		<-ended
	}
	for _, w := range workers {
		t.Run(w.kind.String(), func(t *testing.T) {
			w.verify(t)
			w.close()
		})
	}
}
