package main

import (
	"context"
	"strconv"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/resp"
)

// backend shows a node to the Redis server.
type backend struct{ *node.Node }

var _ resp.Backend = backend{}

// Info implements resp.Backend.
func (b backend) Info() []resp.InfoSection {
	s, err := b.Status(context.Background())
	if err != nil {
		return nil
	}
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	var leaders, keys uint64
	for _, r := range s.Replicas {
		if r.Role == cluster.RoleLeader {
			leaders++
			keys += r.Keys
		}
	}
	return []resp.InfoSection{
		{Name: "Memory", Fields: []resp.InfoField{
			{Name: "used_memory", Value: count(s.MemoryUsed)},
			{Name: "used_memory_human", Value: human(s.MemoryUsed)},
			{Name: "maxmemory", Value: count(s.MemoryLimit)},
			{Name: "maxmemory_human", Value: human(s.MemoryLimit)},
			{Name: "maxmemory_policy", Value: "noeviction"},
			{Name: "mem_allocator", Value: "go"},
		}},
		{Name: "Persistence", Fields: []resp.InfoField{
			{Name: "loading", Value: "0"},
			{Name: "async_loading", Value: "0"},
			// What was acknowledged is saved: see LASTSAVE.
			{Name: "rdb_changes_since_last_save", Value: "0"},
			{Name: "rdb_bgsave_in_progress", Value: "0"},
			{Name: "rdb_last_save_time", Value: strconv.FormatInt(time.Now().Unix(), 10)},
			{Name: "rdb_last_bgsave_status", Value: "ok"},
			{Name: "aof_enabled", Value: "1"},
			{Name: "aof_rewrite_in_progress", Value: "0"},
			{Name: "aof_rewrite_scheduled", Value: "0"},
			{Name: "aof_last_bgrewrite_status", Value: "ok"},
			// The process ends when its log cannot be written.
			{Name: "aof_last_write_status", Value: "ok"},
			{Name: "log_bytes", Value: count(s.LogBytes)},
			{Name: "disk_free_bytes", Value: count(s.DiskFree)},
		}},
		{Name: "Ringkv", Fields: []resp.InfoField{
			{Name: "ringkv_version", Value: s.Version},
			{Name: "node_id", Value: string(s.Node)},
			{Name: "node_name", Value: s.Name},
			{Name: "cluster_id", Value: s.ClusterID},
			{Name: "map_epoch", Value: count(s.Epoch)},
			{Name: "map_revision", Value: count(s.Revision)},
			{Name: "replicas", Value: strconv.Itoa(len(s.Replicas))},
			{Name: "leaders", Value: count(leaders)},
		}},
		{Name: "Keyspace", Fields: []resp.InfoField{
			// Of the partitions that this node leads; DBSIZE counts the cluster's.
			{Name: "db0", Value: "keys=" + count(keys) + ",expires=0,avg_ttl=0"},
		}},
	}
}

// human writes bytes as INFO does for people.
func human(n uint64) string {
	if n < 1024 {
		return strconv.FormatUint(n, 10) + "B"
	}
	f, units := float64(n)/1024, "KMGTPE"
	for f >= 1024 {
		f, units = f/1024, units[1:]
	}
	return strconv.FormatFloat(f, 'f', 2, 64) + units[:1]
}

// Settings implements resp.Backend.
func (b backend) Settings() []resp.Setting {
	settings, limit := b.ClusterSettings(), b.MemoryLimit()
	fsync := "always"
	if settings.Sync == cluster.SyncInterval {
		fsync = "everysec"
	}
	return []resp.Setting{
		{Name: "appendonly", Value: "yes"},
		{Name: "appendfsync", Value: fsync},
		{Name: "maxmemory", Value: strconv.FormatUint(limit, 10)},
		{Name: "maxmemory-policy", Value: "noeviction"},
		{Name: "save", Value: ""},
	}
}

// Copies implements resp.Backend.
func (b backend) Copies() (held, synced int) {
	held = b.SmallestMajority()
	if b.ClusterSettings().Sync == cluster.SyncInterval {
		return held, 0
	}
	return held, held
}
