package rpc

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// TestAPlainGRPCClientCanUseIt: with grpc-go, which knows nothing of Connect, on the
// port that also speaks HTTP/1.1.
func TestAPlainGRPCClientCanUseIt(t *testing.T) {
	s, ctx := startCluster(t, 3, 4, 2)[2], context.Background()
	conn, err := grpc.NewClient(s.api, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()

	var written kvv1.PutResponse
	require.NoError(t, conn.Invoke(ctx, "/kv.v1.KV/Put", put("k", "v"), &written))
	var got kvv1.GetResponse
	require.NoError(t, conn.Invoke(ctx, "/kv.v1.KV/Get", get("k"), &got))
	require.Equal(t, "v", string(got.Item.Value))
	require.Equal(t, written.Version, got.Item.Version)

	err = conn.Invoke(ctx, "/kv.v1.KV/Put", with(put("k", "w"), func(r *kvv1.PutRequest) { r.IfAbsent = true }), &written)
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
	details := status.Convert(err).Details()
	require.Len(t, details, 1)
	require.Equal(t, got.Item.Version, details[0].(*kvv1.ErrorDetail).CurrentVersion)

	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/kv.v1.KV/Dump")
	require.NoError(t, err)
	require.NoError(t, stream.SendMsg(&kvv1.DumpRequest{}))
	require.NoError(t, stream.CloseSend())
	var items []*kvv1.KeyValue
	for {
		var m kvv1.DumpResponse
		err := stream.RecvMsg(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		items = append(items, m.Items...)
	}
	require.Len(t, items, 1)
	require.Equal(t, "v", string(items[0].Value))
}
