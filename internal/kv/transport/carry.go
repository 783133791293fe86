package transport

import (
	"bufio"
	"bytes"
	"io"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// What a Transport sends can be carried by other means than its connections: a
// simulated network takes the same frames and gives them to the same handler.

// EncodeRaft returns messages as frames. Those that no receiver would take are
// left out, as Transport.Send does.
func EncodeRaft(msgs []Message) [][]byte {
	l := lane{typ: frameRaft}
	for i := range msgs {
		m := &msgs[i]
		size := raftSize(m)
		if !fits(m.Raft, size) {
			continue
		}
		l.append(size, len(m.Raft.Entries), func(b []byte) ([]byte, error) { return appendRaft(b, m) })
	}
	return l.sealed()
}

// EncodeForward returns a request as a frame, or ErrTooLarge.
func EncodeForward(req *ForwardRequest) ([]byte, error) {
	size := requestSize(req)
	if size > MaxRecordBytes || len(req.Args) > maxRecordArgs {
		return nil, ErrTooLarge
	}
	l := lane{typ: frameRequests}
	l.append(size, len(req.Args), func(b []byte) ([]byte, error) { return appendRequest(b, req), nil })
	return l.sealed()[0], nil
}

// EncodeForwardReply returns the answer to a request as a frame.
func EncodeForwardReply(reply *ForwardReply) []byte {
	size := replySize(reply)
	if size > MaxRecordBytes {
		reply = &ForwardReply{ID: reply.ID, Status: ForwardUnknown}
	}
	l := lane{typ: frameReplies}
	l.append(size, 0, func(b []byte) ([]byte, error) { return appendReply(b, reply), nil })
	return l.sealed()[0]
}

// EncodeLeading returns news of who leads what as frames.
func EncodeLeading(news []cluster.Leadership) [][]byte {
	l := lane{typ: frameLeading}
	for len(news) > 0 {
		part := news[:min(len(news), newsPerRecord)]
		l.append(0, 0, func(b []byte) ([]byte, error) { return appendLeading(b, part) })
		news = news[len(part):]
	}
	return l.sealed()
}

// append encodes a record; one that does not encode is left out.
func (l *lane) append(size, items int, encode func([]byte) ([]byte, error)) {
	f := l.room(size)
	before := len(f.buf)
	buf, err := encode(f.buf)
	if err != nil {
		f.buf = f.buf[:before]
		return
	}
	f.buf = buf
	l.add(f, before, items)
}

// sealed empties the lane into frames that can be sent.
func (l *lane) sealed() [][]byte {
	var out [][]byte
	for _, f := range l.frames {
		sealFrame(f.buf, f.typ, f.records)
		out = append(out, f.buf)
	}
	l.frames = nil
	return out
}

// Deliver gives a frame that came from a peer to its handler, which may keep parts
// of it.
func Deliver(h Handler, from cluster.NodeID, sealed []byte) error {
	if len(sealed) < frameHeaderBytes {
		return malformed("frame of %d bytes", len(sealed))
	}
	f, payload, err := newFrameReader(bufio.NewReader(bytes.NewReader(sealed))).next()
	if err != nil {
		return err
	}
	_, err = deliver(h, from, &raftDecoder{}, f, payload)
	return err
}

// EncodeSnapshot returns the stream that carries a snapshot.
func EncodeSnapshot(header *SnapshotHeader, body io.Reader) (io.Reader, error) {
	return newSnapshotEncoder(header, body, func(int) error { return nil })
}

// DecodeSnapshot reads the header of a stream and returns the body, which checks
// what it reads.
func DecodeSnapshot(stream io.Reader) (SnapshotHeader, io.Reader, error) {
	body, header, err := decodeSnapshotHeader(stream)
	return header, body, err
}
