package rpc

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// scripted answers every call with err and remembers what was asked.
type scripted struct {
	err    error
	status cluster.NodeStatus
	asked  []any
}

func (s *scripted) note(v any) error { s.asked = append(s.asked, v); return s.err }

func (s *scripted) Status(context.Context) (*cluster.NodeStatus, error) { return &s.status, s.err }
func (s *scripted) PublishMap(_ context.Context, m *cluster.Map) error  { return s.note(*m) }
func (s *scripted) CreateReplica(_ context.Context, r cluster.CreateReplica) error {
	return s.note(r)
}
func (s *scripted) ChangeConfig(_ context.Context, r cluster.ChangeConfig) error { return s.note(r) }
func (s *scripted) TransferLeader(_ context.Context, r cluster.TransferLeader) error {
	return s.note(r)
}
func (s *scripted) RemoveReplica(_ context.Context, r cluster.RemoveReplica) error {
	return s.note(r)
}
func (s *scripted) ForceSoleVoter(_ context.Context, r cluster.SoleVoter) error { return s.note(r) }
func (s *scripted) Drain(context.Context) error                                 { return s.note("drain") }

func (s *scripted) Key(_ context.Context, key []byte) (*cluster.KeyStatus, error) {
	return &cluster.KeyStatus{Node: "n", Found: true, Version: 7}, s.note(string(key))
}

func (s *scripted) PartitionState(_ context.Context, partition uint32) (*cluster.StateStatus, error) {
	return &cluster.StateStatus{Node: "n", Partition: partition, Hash: "00ff"}, s.note(partition)
}

func serve(t *testing.T, s *scripted) *Client {
	srv := httptest.NewServer(NewHandler(s))
	t.Cleanup(srv.Close)
	c := NewClient(strings.TrimPrefix(srv.URL, "http://"))
	t.Cleanup(c.Close)
	return c
}

func TestEveryCallArrivesAsItWasSent(t *testing.T) {
	s := &scripted{status: cluster.NodeStatus{Node: "n", Replicas: []cluster.ReplicaStatus{{Partition: 3, ID: 9}}}}
	c, ctx := serve(t, s), context.Background()

	got, err := c.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, &s.status, got)

	m := cluster.Map{ClusterID: "c", Revision: 4, Partitions: 1, Initial: [][]cluster.Replica{{{ID: 1, Node: "n"}}}, Members: []cluster.Member{{ID: "n"}}}
	want := []any{
		m,
		cluster.CreateReplica{ClusterID: "c", Partition: 1, ID: 2},
		cluster.ChangeConfig{ClusterID: "c", Partition: 1, ExpectedIndex: 7, Promote: []uint64{2}, Remove: []uint64{1}},
		cluster.TransferLeader{ClusterID: "c", Partition: 1, To: 2},
		cluster.RemoveReplica{ClusterID: "c", Partition: 1, ID: 1},
		cluster.SoleVoter{ClusterID: "c", Partition: 1, ID: 1, ExpectedIndex: 7},
		"drain",
	}
	require.NoError(t, c.PublishMap(ctx, &m))
	require.NoError(t, c.CreateReplica(ctx, want[1].(cluster.CreateReplica)))
	require.NoError(t, c.ChangeConfig(ctx, want[2].(cluster.ChangeConfig)))
	require.NoError(t, c.TransferLeader(ctx, want[3].(cluster.TransferLeader)))
	require.NoError(t, c.RemoveReplica(ctx, want[4].(cluster.RemoveReplica)))
	require.NoError(t, c.ForceSoleVoter(ctx, want[5].(cluster.SoleVoter)))
	require.NoError(t, c.Drain(ctx))
	require.Equal(t, want, s.asked)
}

func TestAPartitionsStateIsAskedFor(t *testing.T) {
	s := &scripted{}
	c := serve(t, s)
	got, err := c.PartitionState(t.Context(), 12)
	require.NoError(t, err)
	require.Equal(t, &cluster.StateStatus{Node: "n", Partition: 12, Hash: "00ff"}, got)
	require.Equal(t, []any{uint32(12)}, s.asked)
	require.ErrorIs(t, c.do(t.Context(), "GET", "state?partition=x", nil, nil), cluster.ErrInvalid)
}

func TestErrorsKeepTheirIdentityAndText(t *testing.T) {
	for _, k := range kinds {
		err := serve(t, &scripted{err: fmt.Errorf("partition 5: %w", k.err)}).Drain(context.Background())
		require.ErrorIs(t, err, k.err)
		require.Equal(t, "partition 5: "+k.err.Error(), err.Error())
	}
	err := serve(t, &scripted{err: errors.New("the disk is gone")}).Drain(context.Background())
	require.EqualError(t, err, "the disk is gone")
}

func TestABodyThatIsNotJSONIsRefused(t *testing.T) {
	srv := httptest.NewServer(NewHandler(&scripted{}))
	defer srv.Close()
	resp, err := srv.Client().Post(srv.URL+"/admin/map", "application/json", strings.NewReader("{"))
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 400, resp.StatusCode)
}

func TestAnyBytesCanBeAskedForAsAKey(t *testing.T) {
	s := &scripted{}
	c := serve(t, s)
	for _, key := range []string{"apple", "", "a b&c=d?#%/\x00\xff\r\n{t}"} {
		got, err := c.Key(t.Context(), []byte(key))
		require.NoError(t, err)
		require.Equal(t, &cluster.KeyStatus{Node: "n", Found: true, Version: 7}, got)
		require.Equal(t, key, s.asked[len(s.asked)-1])
	}
	s.err = fmt.Errorf("no cluster: %w", cluster.ErrNotFound)
	_, err := c.Key(t.Context(), []byte("apple"))
	require.ErrorIs(t, err, cluster.ErrNotFound)
}
