package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/target"
)

func TestMovesAreToldALineForEachNode(t *testing.T) {
	var b strings.Builder
	changes := []target.Change{{Kind: target.NodeChanged, Text: "node n4 is new: UP"}, {Kind: target.LeaderChanged, Text: "not told"}}
	for p := range uint32(10) {
		changes = append(changes,
			target.Change{Kind: target.CopyMade, Node: "n4", Partition: p, Keys: 200},
			target.Change{Kind: target.CopyRemoved, Node: []string{"n2", "n1"}[p%2], Partition: p, Keys: 200})
	}
	printMoves(&b, changes)
	require.Equal(t, `[Rebalance] node n4 is new: UP
[Rebalance] Copied partitions 0, 1, 2, 3, 4, 5, 6, 7 and 2 more (2,000 keys) to n4
[Rebalance] Removed partitions 1, 3, 5, 7, 9 (1,000 keys) from n1
[Rebalance] Removed partitions 0, 2, 4, 6, 8 (1,000 keys) from n2
`, b.String())
	b.Reset()
	printMoves(&b, changes[2:3])
	require.Equal(t, "[Rebalance] Copied partition 0 (200 keys) to n4\n", b.String())
}
