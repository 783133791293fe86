package wal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestARecordIsValidInItsOwnPlaceOnly: neither a recycled segment's old bytes nor
// records that a client put into a value may pass for records.
func TestARecordIsValidInItsOwnPlaceOnly(t *testing.T) {
	r := Record{Type: TypeEntry, Partition: 3, Term: 4, Index: 5, Last: true}
	b, _ := endRecord(append(beginRecord(nil), "payload"...), 0, seed(7, 1), &r)
	valid := func(salt, segment uint64) bool {
		var got Record
		_, _, ok := decodeRecord(b, seed(salt, segment), &got)
		return ok
	}
	require.True(t, valid(7, 1))
	require.False(t, valid(7, 2), "in another segment")
	require.False(t, valid(8, 1), "in another log")
}
