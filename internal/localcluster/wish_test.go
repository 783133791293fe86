package localcluster

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func newWish(t *testing.T, nodes, replicationFactor int) *wish {
	t.Helper()
	w := &wish{Format: wishFormat, Partitions: 64, VirtualNodes: 128, ReplicationFactor: replicationFactor}
	for i := range nodes {
		require.NoError(t, w.add(NewNode{Name: "n" + string(rune('1'+i))}))
	}
	require.NoError(t, w.check())
	return w
}

func TestNamesChooseTheirPorts(t *testing.T) {
	w := newWish(t, 3, 3)
	require.NoError(t, w.add(NewNode{Name: "n7", Zone: "east"}))
	require.NoError(t, w.add(NewNode{Name: "spare"}))
	require.NoError(t, w.add(NewNode{Name: "n4"}))
	require.NoError(t, w.add(NewNode{Name: "n5"}))
	slots := map[string]int{}
	for _, s := range w.Seats {
		slots[s.Name] = s.Slot
	}
	// spare took the first free slot, which n4 then could not have.
	require.Equal(t, map[string]int{"n1": 0, "n2": 1, "n3": 2, "n7": 6, "spare": 3, "n4": 4, "n5": 5}, slots)
	require.Equal(t, "127.0.0.1:7060", AddressesOf(7000, w.seat("n7").Slot).RESP)
	require.Equal(t, Addresses{
		RESP: "127.0.0.1:7010", Peer: "127.0.0.1:7011", Metrics: "127.0.0.1:7012", HTTP: "127.0.0.1:7013", Cluster: "127.0.0.1:7014",
	}, AddressesOf(7000, 1))
}

func TestBadWishesAreRefusedAndChangeNothing(t *testing.T) {
	w := newWish(t, 4, 3)
	require.NoError(t, w.leave("n4"))
	before := w.clone()
	for name, err := range map[string]error{
		"name taken":           w.add(NewNode{Name: "n1"}),
		"name still leaving":   w.add(NewNode{Name: "n4"}),
		"name that is a path":  w.add(NewNode{Name: "../n5"}),
		"empty name":           w.add(NewNode{Name: ""}),
		"unknown node":         w.leave("n9"),
		"fewer nodes than RF":  w.leave("n1"),
		"RF above the nodes":   w.setReplicationFactor(4),
		"RF below one":         w.setReplicationFactor(0),
		"RF negative":          w.setReplicationFactor(-1),
		"name with upper case": w.add(NewNode{Name: "N5"}),
	} {
		require.Error(t, err, name)
	}
	require.NoError(t, w.leave("n4"), "again does no harm")
	require.Equal(t, before, w)
}

func TestWishSurvivesOnDisk(t *testing.T) {
	dir := t.TempDir()
	none, err := loadWish(dir)
	require.NoError(t, err)
	require.Nil(t, none)

	w := newWish(t, 4, 2)
	require.NoError(t, w.leave("n2"))
	require.NoError(t, w.save(dir))
	got, err := loadWish(dir)
	require.NoError(t, err)
	require.Equal(t, w, got)
}

func TestDamagedWishIsRefusedByName(t *testing.T) {
	for name, content := range map[string]string{
		"no JSON":        `{"format":1,`,
		"a later format": `{"format":2,"partitions":64,"virtualNodes":1,"replicationFactor":1,"seats":[{"name":"n1","slot":0}]}`,
		"no power of 2":  `{"format":1,"partitions":63,"virtualNodes":1,"replicationFactor":1,"seats":[{"name":"n1","slot":0}]}`,
		"no node":        `{"format":1,"partitions":64,"virtualNodes":1,"replicationFactor":1,"seats":[]}`,
		"shared slot":    `{"format":1,"partitions":64,"virtualNodes":1,"replicationFactor":1,"seats":[{"name":"n1","slot":0},{"name":"n2","slot":0}]}`,
		"path as a name": `{"format":1,"partitions":64,"virtualNodes":1,"replicationFactor":1,"seats":[{"name":"../n1","slot":0}]}`,
		"RF too large":   `{"format":1,"partitions":64,"virtualNodes":1,"replicationFactor":2,"seats":[{"name":"n1","slot":0}]}`,
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, wishFile), []byte(content), 0o644))
		_, err := loadWish(dir)
		require.ErrorContains(t, err, wishFile, name)
	}
}
