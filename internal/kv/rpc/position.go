package rpc

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"

	"connectrpc.com/connect"
)

// position is how far a watch has got: a revision for each partition that it follows.
// As a token it is
//
//	+--------+---------+-------+-----------+----------+-----+
//	| format | cluster | count | partition | revision | ... |   little endian
//	+--------+---------+-------+-----------+----------+-----+
//	    1        8                  per partition
//
// cluster is the FNV-1a hash of the cluster's ID; count, partition (the distance from
// the one before) and revision are unsigned varints.
type position struct {
	cluster   string
	revisions map[uint32]uint64
}

const positionFormat = 1

func (p *position) clusterHash() uint64 {
	h := fnv.New64a()
	h.Write([]byte(p.cluster))
	return h.Sum64()
}

func (p *position) token() []byte {
	b := binary.LittleEndian.AppendUint64([]byte{positionFormat}, p.clusterHash())
	partitions := slices.Sorted(maps.Keys(p.revisions))
	b = binary.AppendUvarint(b, uint64(len(partitions)))
	last := uint32(0)
	for _, q := range partitions {
		b = binary.AppendUvarint(b, uint64(q-last))
		b = binary.AppendUvarint(b, p.revisions[q])
		last = q
	}
	return b
}

// resume sets the revisions to those of a token, which must be of the same partitions.
func (p *position) resume(token []byte) *connect.Error {
	if len(token) < 9 || token[0] != positionFormat {
		return badToken()
	}
	if binary.LittleEndian.Uint64(token[1:]) != p.clusterHash() {
		return invalid("resume_token belongs to another cluster")
	}
	rest := token[9:]
	next := func() (uint64, bool) {
		v, size := binary.Uvarint(rest)
		if size <= 0 {
			return 0, false
		}
		rest = rest[size:]
		return v, true
	}
	count, ok := next()
	partition := uint64(0)
	for range count {
		distance, ok1 := next()
		revision, ok2 := next()
		if partition += distance; !ok1 || !ok2 || distance > 1<<16 {
			return badToken()
		}
		if _, followed := p.revisions[uint32(partition)]; !followed {
			return invalid("resume_token belongs to another key or prefix: partition %d is not of this watch", partition)
		}
		p.revisions[uint32(partition)] = revision
	}
	if !ok || len(rest) > 0 {
		return badToken()
	}
	if int(count) != len(p.revisions) {
		return invalid("resume_token belongs to another key or prefix: it has %d partitions of %d", count, len(p.revisions))
	}
	return nil
}

func badToken() *connect.Error {
	return invalid("resume_token is none that this version gives: use it as it came")
}
