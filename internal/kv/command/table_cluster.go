package command

var clusterCommands = []*Spec{
	{Name: "asking", Arity: 1, Flags: Fast | ClusterOnly, Group: "cluster", Since: "3.0.0", Summary: "Signals that a cluster client is following an -ASK redirect."},
	{Name: "cluster", Arity: -2, Flags: ClusterOnly, Group: "cluster", Since: "3.0.0", Summary: "A container for Redis Cluster commands.",
		Subcommands: append(clusterQuestions, clusterChanges...)},
}

var clusterQuestions = []*Spec{
	{Name: "slots", Arity: 2, Flags: Loading | Stale | ClusterOnly, Since: "3.0.0", Summary: "Returns the mapping of cluster slots to nodes.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "shards", Arity: 2, Flags: Loading | Stale | ClusterOnly, Since: "7.0.0", Summary: "Returns the mapping of cluster slots to shards.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "nodes", Arity: 2, Flags: Loading | Stale | ClusterOnly, Since: "3.0.0", Summary: "Returns the cluster configuration of the node.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "info", Arity: 2, Flags: Loading | Stale | ClusterOnly, Since: "3.0.0", Summary: "Returns information about the state of the cluster.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "myid", Arity: 2, Flags: Loading | Stale | ClusterOnly, Since: "3.0.0", Summary: "Returns the ID of the node."},
	{Name: "myshardid", Arity: 2, Flags: Loading | Stale | ClusterOnly, Since: "7.2.0", Summary: "Returns the shard ID of the node.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "keyslot", Arity: 3, Flags: Loading | Stale | ClusterOnly, Since: "3.0.0", Summary: "Returns the hash slot of a key."},
	{Name: "countkeysinslot", Arity: 3, Flags: ReadOnly | ClusterOnly, Scope: Slot, Run: countKeysInSlot,
		Since: "3.0.0", Summary: "Returns the number of keys in a hash slot."},
	{Name: "getkeysinslot", Arity: 4, Flags: ReadOnly | ClusterOnly, Scope: Slot, Run: getKeysInSlot,
		Since: "3.0.0", Summary: "Returns the key names in a hash slot.", Tips: []string{"nondeterministic_output"}},
	{Name: "replicas", Arity: 3, Flags: Admin | Loading | Stale | ClusterOnly, Since: "5.0.0", Summary: "Lists the replica nodes of a master node.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "slaves", Arity: 3, Flags: Admin | Loading | Stale | ClusterOnly, Since: "3.0.0", Summary: "Lists the replica nodes of a master node.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "links", Arity: 2, Flags: Loading | Stale | ClusterOnly, Since: "7.0.0", Summary: "Returns a list of all TCP links to and from peer nodes.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "count-failure-reports", Arity: 3, Flags: Admin | Loading | Stale | ClusterOnly, Since: "3.0.0",
		Summary: "Returns the number of active failure reports for a node.", Tips: []string{"nondeterministic_output"}},
	{Name: "help", Arity: 2, Flags: Loading | Stale | ClusterOnly, Since: "5.0.0", Summary: "Returns helpful text about the different subcommands."},
}

// clusterChanges are refused: the coordinator decides who is a member and who holds
// which slots.
var clusterChanges = []*Spec{
	clusterChange("addslots", -3, "3.0.0", "Assigns hash slots to the node."),
	clusterChange("addslotsrange", -4, "7.0.0", "Assigns hash slot ranges to the node."),
	clusterChange("bumpepoch", 2, "3.0.0", "Advances the cluster config epoch."),
	clusterChange("delslots", -3, "3.0.0", "Makes the node forget hash slots."),
	clusterChange("delslotsrange", -4, "7.0.0", "Makes the node forget hash slot ranges."),
	clusterChange("failover", -2, "3.0.0", "Makes a replica take over from its master."),
	clusterChange("flushslots", 2, "3.0.0", "Makes the node forget all hash slots."),
	clusterChange("forget", 3, "3.0.0", "Removes a node from the cluster."),
	clusterChange("meet", -4, "3.0.0", "Adds a node to the cluster."),
	clusterChange("replicate", 3, "3.0.0", "Makes the node a replica of a master."),
	clusterChange("reset", -2, "3.0.0", "Makes the node leave the cluster."),
	clusterChange("saveconfig", 2, "3.0.0", "Makes the node save the cluster configuration."),
	clusterChange("set-config-epoch", 3, "3.0.0", "Sets the configuration epoch of a new node."),
	clusterChange("setslot", -4, "3.0.0", "Moves a hash slot to another node."),
}

func clusterChange(name string, arity int, since, summary string) *Spec {
	return &Spec{Name: name, Arity: arity, Flags: Admin | NoScript | Stale | ClusterOnly, Since: since, Summary: summary}
}
