package rpc

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Long requests travel compressed: a map of 300 nodes and 1,024 partitions is 300 kB
// of JSON that repeats 300 names thousands of times. A node of an earlier version
// could not read that, so a client compresses for a node only after an answer of it
// had "Accept-Encoding: gzip", which is how a server says so (RFC 7694, section 3).

// compressFrom is the length in bytes from which a request is compressed.
const compressFrom = 16 << 10

const gzipCoding = "gzip"

// offer tells in an answer that requests may be compressed.
func offer(h http.Header) { h.Set("Accept-Encoding", gzipCoding) }

// offered tells whether the answer said so.
func offered(h http.Header) bool { return h.Get("Accept-Encoding") == gzipCoding }

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	err := z.Close()
	return out.Bytes(), err
}

// bodyOf returns the request's body as it was before it was compressed, bounded by
// maxBody in both forms. The error is an ErrInvalid.
func bodyOf(w http.ResponseWriter, r *http.Request) (io.Reader, error) {
	sent := http.MaxBytesReader(w, r.Body, maxBody)
	switch coding := r.Header.Get("Content-Encoding"); coding {
	case "":
		return sent, nil
	case gzipCoding:
		z, err := gzip.NewReader(sent)
		if err != nil {
			return nil, fmt.Errorf("the body is not compressed as its header says: %w: %w", err, cluster.ErrInvalid)
		}
		return http.MaxBytesReader(w, z, maxBody), nil
	default:
		return nil, fmt.Errorf("content encoding %q: want %s or none: %w", coding, gzipCoding, cluster.ErrInvalid)
	}
}
