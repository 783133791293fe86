package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// table is a store that is no Redis.
type table struct {
	mu     sync.Mutex
	values map[string]string
	dialed map[string]int // by address
	broken map[string]bool
}

func newTable() *table {
	return &table{values: map[string]string{}, dialed: map[string]int{}, broken: map[string]bool{}}
}

func (t *table) dial(_ context.Context, address string) (Connection, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dialed[address]++
	return &tableConnection{table: t, address: address}, nil
}

type tableConnection struct {
	*table
	address string
}

func (c *tableConnection) Exchange(_ time.Time, commands []Command, answered func(int, bool)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken[c.address] {
		return errors.New("broken")
	}
	for i, command := range commands {
		found := true
		if command.Kind == Write {
			c.values[string(command.Key)] = string(command.Value)
		} else {
			_, found = c.values[string(command.Key)]
		}
		answered(i, !found)
	}
	return nil
}

func (c *tableConnection) Close() error { return nil }

func tableOptions(t *table) Options {
	return Options{
		Addresses: []string{"a:1", "b:1"}, Dial: t.dial, Connections: 4, Pipeline: 3, Count: 300, Keys: 100, Prefix: "k", Distribution: Sequential,
		MinValueBytes: 5, MaxValueBytes: 5, Timeout: time.Minute,
	}
}

func TestWhatIsNoRedisIsMeasuredToo(t *testing.T) {
	store := newTable()
	o := tableOptions(store)
	require.NoError(t, Fill(t.Context(), o))
	require.Len(t, store.values, 100)
	require.Positive(t, store.dialed["a:1"])
	require.Positive(t, store.dialed["b:1"])

	o.ReadFraction = 1
	r, err := Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.EqualValues(t, 300, r.Reads.Count)
	require.Zero(t, r.Missing)
	require.Zero(t, r.Failed)

	o.Prefix = "other"
	r, err = Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.EqualValues(t, 300, r.Missing)
}

func TestALostConnectionIsMadeAgainToTheNextAddress(t *testing.T) {
	store := newTable()
	store.broken["a:1"] = true
	o := tableOptions(store)
	o.Connections = 1
	r, err := Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.EqualValues(t, 297, r.Operations)
	require.Equal(t, map[string]uint64{"connection": 3}, r.Errors, "one pipeline to the broken server")
}

func TestAGapLastsFromAnswerToAnswer(t *testing.T) {
	g := gap{from: 10}
	g.until(12)
	g.until(19)
	g.until(18) // of another server, noted later
	g.until(20)
	require.Equal(t, gap{from: 20, longest: 7}, g)
}

func TestAProgramThatServesOrdersAnswersWithTheResult(t *testing.T) {
	store := newTable()
	order, err := json.Marshal(Order{Options: tableOptions(store), Fill: true})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, Serve(t.Context(), bytes.NewReader(order), &out, store.dial))
	var r Result
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	require.EqualValues(t, 300, r.Writes.Count)
	require.Len(t, store.values, 100)

	require.Error(t, Serve(t.Context(), bytes.NewReader([]byte("no order")), &out, store.dial))
}

func TestOnlyRedisHasAClusterMode(t *testing.T) {
	o := tableOptions(newTable())
	o.ClusterMode = true
	_, err := Run(t.Context(), o, nil)
	require.ErrorContains(t, err, "cluster mode")
}
