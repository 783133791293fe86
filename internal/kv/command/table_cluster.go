package command

var clusterCommands = []*Spec{
	{Name: "asking", Arity: 1, Flags: Fast | ClusterOnly, Category: CategoryConnection, Group: "cluster", Since: "3.0.0", Summary: "Signals that a cluster client is following an -ASK redirect."},
	{Name: "cluster", Arity: -2, Flags: ClusterOnly, Group: "cluster", Since: "3.0.0", Summary: "A container for Redis Cluster commands.",
		Subcommands: append(clusterQuestions, clusterChanges...)},
}

var clusterQuestions = []*Spec{
	{Name: "slots", Arity: 2, Flags: Stale | ClusterOnly, Since: "3.0.0", Complexity: "O(N) for N runs of slots", Deprecated: Deprecation{"7.0.0", "CLUSTER SHARDS"}, Summary: "Returns the mapping of cluster slots to nodes.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "shards", Arity: 2, Flags: Stale | ClusterOnly, Since: "7.0.0", Complexity: "O(N) for N runs of slots", Summary: "Returns the mapping of cluster slots to shards.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "nodes", Arity: 2, Flags: Stale | ClusterOnly, Since: "3.0.0", Complexity: "O(N) for N runs of slots", Summary: "Returns the cluster configuration of the node.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "info", Arity: 2, Flags: Stale | ClusterOnly, Since: "3.0.0", Complexity: "O(N) for N runs of slots", Summary: "Returns information about the state of the cluster.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "myid", Arity: 2, Flags: Stale | ClusterOnly, Since: "3.0.0", Summary: "Returns the ID of the node."},
	{Name: "myshardid", Arity: 2, Flags: Stale | ClusterOnly, Since: "7.2.0", Summary: "Returns the shard ID of the node.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "keyslot", Syntax: "key", Arity: 3, Flags: Stale | ClusterOnly, Since: "3.0.0", Complexity: "O(N) for N bytes of the key", Summary: "Returns the hash slot of a key."},
	{Name: "countkeysinslot", Syntax: "slot", Arity: 3, Flags: ReadOnly | ClusterOnly, Scope: Slot, Run: countKeysInSlot,
		Since: "3.0.0", Complexity: "O(N) for N keys of the partition", Summary: "Returns the number of keys in a hash slot."},
	{Name: "getkeysinslot", Syntax: "slot count", Arity: 4, Flags: ReadOnly | ClusterOnly, Scope: Slot, Run: getKeysInSlot,
		Since: "3.0.0", Complexity: "O(N) for N keys of the partition", Summary: "Returns the key names in a hash slot.", Tips: []string{"nondeterministic_output"}},
	{Name: "replicas", Syntax: "node-id", Arity: 3, Flags: Admin | Stale | ClusterOnly, Since: "5.0.0", Complexity: "O(N) for N nodes", Summary: "Lists the replica nodes of a master node.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "slaves", Syntax: "node-id", Arity: 3, Flags: Admin | Stale | ClusterOnly, Since: "3.0.0", Complexity: "O(N) for N nodes", Deprecated: Deprecation{"5.0.0", "CLUSTER REPLICAS"}, Summary: "Lists the replica nodes of a master node.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "links", Arity: 2, Flags: Stale | ClusterOnly, Since: "7.0.0", Complexity: "O(N) for N nodes", Summary: "Returns a list of all TCP links to and from peer nodes.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "count-failure-reports", Syntax: "node-id", Arity: 3, Flags: Admin | Stale | ClusterOnly, Since: "3.0.0",
		Complexity: "O(N) for N nodes", Summary: "Returns the number of active failure reports for a node.", Tips: []string{"nondeterministic_output"}},
	{Name: "help", Arity: 2, Flags: Loading | Stale | ClusterOnly, Since: "5.0.0", Summary: "Returns helpful text about the different subcommands."},
}

// clusterChanges are refused: the coordinator decides who is a member and who holds
// which slots.
var clusterChanges = []*Spec{
	clusterChange("addslots", "slot [slot ...]", -3, "3.0.0", "Assigns hash slots to the node."),
	clusterChange("addslotsrange", "start-slot end-slot [start-slot end-slot ...]", -4, "7.0.0", "Assigns hash slot ranges to the node."),
	clusterChange("bumpepoch", "", 2, "3.0.0", "Advances the cluster config epoch."),
	clusterChange("delslots", "slot [slot ...]", -3, "3.0.0", "Makes the node forget hash slots."),
	clusterChange("delslotsrange", "start-slot end-slot [start-slot end-slot ...]", -4, "7.0.0", "Makes the node forget hash slot ranges."),
	clusterChange("failover", "[FORCE | TAKEOVER]", -2, "3.0.0", "Makes a replica take over from its master."),
	clusterChange("flushslots", "", 2, "3.0.0", "Makes the node forget all hash slots."),
	clusterChange("forget", "node-id", 3, "3.0.0", "Removes a node from the cluster."),
	clusterChange("meet", "ip port [cluster-bus-port]", -4, "3.0.0", "Adds a node to the cluster."),
	clusterChange("replicate", "node-id", 3, "3.0.0", "Makes the node a replica of a master."),
	clusterChange("reset", "[HARD | SOFT]", -2, "3.0.0", "Makes the node leave the cluster."),
	clusterChange("saveconfig", "", 2, "3.0.0", "Makes the node save the cluster configuration."),
	clusterChange("set-config-epoch", "config-epoch", 3, "3.0.0", "Sets the configuration epoch of a new node."),
	clusterChange("setslot", "slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>", -4, "3.0.0", "Moves a hash slot to another node."),
}

func clusterChange(name, syntax string, arity int, since, summary string) *Spec {
	return &Spec{Name: name, Syntax: syntax, Arity: arity, Flags: Admin | Stale | NoAsyncLoading | ClusterOnly, Since: since, Summary: summary}
}
