package transport

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func TestRequestsComeOutAsTheyWentIn(t *testing.T) {
	request := rapid.Custom(func(t *rapid.T) ForwardRequest {
		return ForwardRequest{
			ID: rapid.Uint64().Draw(t, "id"), Partition: rapid.Uint32().Draw(t, "partition"),
			Write: rapid.Bool().Draw(t, "write"), ReadAny: rapid.Bool().Draw(t, "readAny"),
			First: rapid.Bool().Draw(t, "first"), Proto: rapid.Byte().Draw(t, "proto"), TimeoutMs: rapid.Uint32().Draw(t, "timeout"),
			Args: rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 200), 1, 20).Draw(t, "args"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(request).Draw(t, "requests")
		var payload []byte
		for i := range want {
			before := len(payload)
			payload = appendRequest(payload, &want[i])
			require.LessOrEqual(t, len(payload)-before, requestSize(&want[i]), "requestSize is a bound")
		}
		got, err := decodeRequests(payload, len(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestRepliesComeOutAsTheyWentIn(t *testing.T) {
	reply := rapid.Custom(func(t *rapid.T) ForwardReply {
		return ForwardReply{
			ID:     rapid.Uint64().Draw(t, "id"),
			Status: ForwardStatus(rapid.Uint8Range(1, 4).Draw(t, "status")),
			Hint:   cluster.NodeID(rapid.SampledFrom([]string{"", string(nodeID(7))}).Draw(t, "hint")),
			Reply:  rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "reply"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(reply).Draw(t, "replies")
		var payload []byte
		for i := range want {
			before := len(payload)
			payload = appendReply(payload, &want[i])
			require.LessOrEqual(t, len(payload)-before, replySize(&want[i]), "replySize is a bound")
		}
		got, err := decodeReplies(payload, len(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestForwardPayloadsThatAreRefused(t *testing.T) {
	request := appendRequest(nil, &ForwardRequest{ID: 1, Args: [][]byte{[]byte("PING")}})
	reply := appendReply(nil, &ForwardReply{ID: 1, Status: ForwardOK})
	unknownFlag := append([]byte(nil), request...)
	unknownFlag[9] = 8
	for name, payload := range map[string][]byte{
		"cut":           request[:len(request)-1],
		"too long":      append(request[:len(request):len(request)], 0),
		"no arguments":  appendRequest(nil, &ForwardRequest{ID: 1, Proto: 2}),
		"unknown flags": unknownFlag,
		"nothing":       nil,
	} {
		t.Run("request "+name, func(t *testing.T) {
			_, err := decodeRequests(payload, 1)
			require.ErrorIs(t, err, errMalformed)
		})
	}
	for name, payload := range map[string][]byte{
		"cut":            reply[:len(reply)-1],
		"too long":       append(reply[:len(reply):len(reply)], 0),
		"of status 0":    appendReply(nil, &ForwardReply{ID: 1}),
		"of status 9":    appendReply(nil, &ForwardReply{ID: 1, Status: 9}),
		"with long hint": appendReply(nil, &ForwardReply{ID: 1, Status: ForwardNotLeader, Hint: cluster.NodeID(make([]byte, 65))}),
	} {
		t.Run("reply "+name, func(t *testing.T) {
			_, err := decodeReplies(payload, 1)
			require.ErrorIs(t, err, errMalformed)
		})
	}
}

func FuzzForwardDecoders(f *testing.F) {
	f.Add(appendRequest(nil, &ForwardRequest{ID: 1, Write: true, Proto: 3, Args: [][]byte{[]byte("SET"), []byte("k"), {}}}), 1)
	f.Add(appendReply(nil, &ForwardReply{ID: 1, Status: ForwardNotLeader, Hint: nodeID(3), Reply: []byte("+OK\r\n")}), 1)
	f.Add([]byte("\x03[{}\x05[{},{}]"), 2)
	f.Fuzz(func(t *testing.T, payload []byte, count int) {
		if count < 0 || count > maxFrameRecords {
			return // refused with the header
		}
		if requests, err := decodeRequests(payload, count); err == nil {
			var b []byte
			for i := range requests {
				require.NotEmpty(t, requests[i].Args)
				b = appendRequest(b, &requests[i])
			}
			again, err := decodeRequests(b, count)
			require.NoError(t, err)
			require.Equal(t, requests, again)
		}
		if replies, err := decodeReplies(payload, count); err == nil {
			var b []byte
			for i := range replies {
				b = appendReply(b, &replies[i])
			}
			again, err := decodeReplies(b, count)
			require.NoError(t, err)
			require.Equal(t, replies, again)
		}
		_, _ = decodeLeading(payload, count)
	})
}
