package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Collector returns the node's metrics.
func (n *Node) Collector() prometheus.Collector { return collector{n} }

type collector struct{ n *Node }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("ringkv_"+name, help, labels, nil)
}

var (
	descReplicas   = desc("replicas", "Replicas on this node, by state and role.", "state", "role")
	descKeys       = desc("keys", "Keys in the replicas on this node.")
	descLedKeys    = desc("leader_keys", "Keys in the partitions that this node leads.")
	descData       = desc("data_bytes", "Bytes of keys and values in the replicas on this node.")
	descMemory     = desc("memory_used_bytes", "Memory that the data takes.")
	descMemLimit   = desc("memory_limit_bytes", "Most memory that the data may take; 0 means no limit.")
	descLog        = desc("log_bytes", "Size of the write-ahead log on the volume.")
	descDiskFree   = desc("disk_free_bytes", "Free bytes of the volume.")
	descDiskTotal  = desc("disk_total_bytes", "Size of the volume.")
	descDiskFull   = desc("disk_full", "1 while writes are refused because the volume is almost full.")
	descEpoch      = desc("map_epoch", "Epoch of the cluster map that this node holds.")
	descRevision   = desc("map_revision", "Revision of the cluster map that this node holds.")
	descLeaderless = desc("leaderless_partitions", "Partitions for which this node knows no leader.")
	descForwards   = desc("forwards_open", "Commands that other nodes are working on for this one.")
	descSyncs      = desc("log_syncs_total", "Times that the log was synced to stable storage.")
	descSyncTime   = desc("log_sync_seconds_total", "Time that syncing the log took.")
	descSyncMax    = desc("log_sync_seconds_max", "Longest time that one sync of the log took.")
	descLogWritten = desc("log_written_bytes_total", "Bytes written to the log.")
	descConnected  = desc("peers_connected", "Peers to which there is a connection.")
	descDropped    = desc("peer_messages_dropped_total", "Raft messages that found no room or no connection.")
	descSnapSent   = desc("snapshots_sent_total", "Snapshots sent to other nodes.")
	descSnapBytes  = desc("snapshot_sent_bytes_total", "Bytes of snapshots sent to other nodes.")
	descBehind     = desc("apply_lag_entries", "Committed entries that this node's replicas have not applied yet.")
)

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	type kind struct {
		state cluster.ReplicaState
		role  cluster.Role
	}
	count := map[kind]int{}
	var keys, led, data, behind uint64
	for _, r := range c.n.allReplicas() {
		s := r.Status()
		count[kind{s.State, s.Role}]++
		keys += s.Keys
		data += s.Bytes
		if s.Role == cluster.RoleLeader {
			led += s.Keys
		}
		if s.CommitIndex > s.AppliedIndex {
			behind += s.CommitIndex - s.AppliedIndex
		}
	}
	for k, n := range count {
		gauge(descReplicas, float64(n), string(k.state), string(k.role))
	}
	gauge(descKeys, float64(keys))
	gauge(descLedKeys, float64(led))
	gauge(descData, float64(data))
	gauge(descBehind, float64(behind))
	gauge(descMemory, float64(c.n.memory.used.Load()))
	gauge(descMemLimit, float64(c.n.memory.limit))
	usage := c.n.log.Usage()
	gauge(descLog, float64(usage.Log))
	gauge(descDiskFree, float64(usage.Free))
	gauge(descDiskTotal, float64(usage.Total))
	counter := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	log := c.n.log.Stats()
	counter(descSyncs, float64(log.Sync.Count))
	counter(descSyncTime, log.Sync.Sum.Seconds())
	gauge(descSyncMax, log.Sync.Max.Seconds())
	counter(descLogWritten, float64(log.Bytes))
	net := c.n.transport.Stats()
	connected, dropped := 0, uint64(0)
	for _, p := range net.Peers {
		if p.Connected {
			connected++
		}
		dropped += p.MessagesDropped
	}
	gauge(descConnected, float64(connected))
	counter(descDropped, float64(dropped))
	counter(descSnapSent, float64(net.SnapshotsSent))
	counter(descSnapBytes, float64(net.SnapshotBytesSent))
	full := 0.0
	if c.n.log.Full() {
		full = 1
	}
	gauge(descDiskFull, full)
	gauge(descForwards, float64(c.n.forwards.count()))
	if v := c.n.view.Load(); v != nil {
		gauge(descEpoch, float64(v.m.Epoch))
		gauge(descRevision, float64(v.m.Revision))
		leaderless, _ := v.routing.leaderless()
		gauge(descLeaderless, float64(leaderless))
	}
}
