package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestScansMissNothingWhileLeadersChange scans through all nodes in turn, while
// leadership goes round and keys come and go.
func TestScansMissNothingWhileLeadersChange(t *testing.T) {
	const partitions, keys = 4, 2000
	seats := startCluster(t, 3, partitions, 3)
	found := map[string]int{}
	for i := 0; i < keys; i += 10 {
		args := []string{"MSET"}
		for j := i; j < i+10; j++ {
			args = append(args, fmt.Sprintf("stays-%d", j), "v")
		}
		require.Equal(t, "+OK\r\n", seats[0].do(args...))
	}
	changes := handOverOften(seats, partitions)
	scans, churn := 0, 0
	for ; scans < 3 || changes.goOn(); scans++ {
		clear(found)
		for cursor, calls := "0", 0; ; calls++ {
			reply := seats[calls%3].do("SCAN", cursor, "COUNT", "20", "MATCH", "stays-*")
			lines := strings.Split(reply, "\r\n")
			require.Greater(t, len(lines), 3, "%q", reply)
			for i := 5; i < len(lines); i += 2 {
				found[lines[i]]++
			}
			churn++
			seats[0].do("SET", fmt.Sprintf("comes-%d", churn), "v")
			seats[1].do("DEL", fmt.Sprintf("comes-%d", churn-50))
			if cursor = lines[2]; cursor == "0" {
				break
			}
		}
		require.Len(t, found, keys, "scan %d", scans)
		for key, n := range found {
			require.Equal(t, 1, n, "scan %d found %s more than once", scans, key)
		}
	}
	changes.end()
	require.Positive(t, changes.n.Load(), "no leadership was handed over: nothing was shown")
	require.Greater(t, churn, 100)
}
