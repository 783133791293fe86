package transport

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// batch is what a busy leader's node sends at once: an entry for each of 64
// partitions.
func batch(size int) []Message {
	msgs := make([]Message, 64)
	for i := range msgs {
		msgs[i] = appendMessage(i+1_000_000, 1, size)
	}
	return msgs
}

func BenchmarkEncodeFrame(b *testing.B) {
	msgs := batch(256)
	p := newPeer(New(Config{Self: nodeID(1), ClusterID: func() string { return testCluster }}), nodeID(2))
	p.address = "somewhere"
	var frames []*frame
	b.ReportAllocs()
	for b.Loop() {
		p.sendRaft(msgs)
		frames = p.takeFrames(frames[:0])
		for _, f := range frames {
			sealFrame(f.buf, f.typ, f.records)
		}
		b.SetBytes(int64(len(frames[0].buf)))
		p.releaseFrames(frames, nil)
	}
}

func BenchmarkDecodeFrame(b *testing.B) {
	for name, msgs := range map[string][]Message{"append": batch(256), "heartbeat": heartbeats(64)} {
		b.Run(name, func(b *testing.B) {
			stream := sealed(frameRaft, len(msgs), encodeAll(b, msgs))
			source := bytes.NewReader(stream)
			frames := newFrameReader(bufio.NewReaderSize(source, 64<<10))
			var d raftDecoder
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				source.Reset(stream)
				f, payload, err := frames.next()
				require.NoError(b, err)
				_, aliased, err := d.decode(payload, f.count)
				require.NoError(b, err)
				if !aliased {
					frames.recycle(payload)
				}
			}
		})
	}
}

func heartbeats(n int) []Message {
	msgs := make([]Message, n)
	for i := range msgs {
		msgs[i] = heartbeat(i)
	}
	return msgs
}

// countingHandler counts, and answers requests.
type countingHandler struct {
	Handler
	t        *Transport
	messages atomic.Int64
	replies  chan struct{}
}

func (h *countingHandler) Raft(_ cluster.NodeID, msgs []Message) { h.messages.Add(int64(len(msgs))) }
func (h *countingHandler) Connected(cluster.NodeID)              {}
func (h *countingHandler) Unreachable(cluster.NodeID)            {}
func (h *countingHandler) ForwardReply(cluster.NodeID, *ForwardReply) {
	h.replies <- struct{}{}
}
func (h *countingHandler) Forward(from cluster.NodeID, r *ForwardRequest) {
	h.t.SendForwardReply(from, &ForwardReply{ID: r.ID, Status: ForwardOK, Reply: r.Args[2]})
}

func benchPair(b *testing.B) (*countingHandler, *countingHandler) {
	var handlers []*countingHandler
	addresses := map[cluster.NodeID]string{}
	for i := 1; i <= 2; i++ {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		h := &countingHandler{replies: make(chan struct{}, 1<<16)}
		h.t = New(Config{
			Self: nodeID(i), ClusterID: func() string { return testCluster }, Handler: h,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		server := &http.Server{Handler: h.t.Handler()}
		go func() { _ = server.Serve(listener) }()
		b.Cleanup(func() { h.t.Close(); server.Close() })
		handlers, addresses[nodeID(i)] = append(handlers, h), listener.Addr().String()
	}
	for _, h := range handlers {
		h.t.SetPeers(addresses)
	}
	for i, h := range handlers {
		for !h.t.Stats().Peers[nodeID(2-i)].Linked {
		}
	}
	return handlers[0], handlers[1]
}

// BenchmarkStream is how many messages of a batch go from node to node, each with
// an entry of 256 bytes.
func BenchmarkStream(b *testing.B) {
	from, to := benchPair(b)
	msgs := batch(256)
	b.SetBytes(64 * 256)
	b.ReportAllocs()
	sent := int64(0)
	for b.Loop() {
		from.t.Send(nodeID(2), msgs)
		sent += int64(len(msgs))
		for sent-to.messages.Load() > 64*64 { // as raft limits what is in flight
		}
	}
	for to.messages.Load() < sent {
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkForward is the cost of a command that goes to another node and back.
func BenchmarkForward(b *testing.B) {
	for name, inFlight := range map[string]int{"one": 1, "256 in flight": 256} {
		b.Run(name, func(b *testing.B) {
			from, _ := benchPair(b)
			r := &ForwardRequest{Proto: 2, TimeoutMs: 1000, Args: [][]byte{[]byte("SET"), []byte("key"), make([]byte, 256)}}
			b.ReportAllocs()
			open := 0
			for b.Loop() {
				require.NoError(b, from.t.SendForward(nodeID(2), r))
				if open++; open == inFlight {
					<-from.replies
					open--
				}
			}
			for ; open > 0; open-- {
				<-from.replies
			}
		})
	}
}
