// Package localcluster runs a whole cluster on one machine: it starts kvnode
// processes, starts them again when they die, and runs the coordinator in its
// own process. It is to kvctl what the operator is to Kubernetes, with the same
// coordinator making the same decisions.
//
// # The folder
//
//	D/lock              held while a Cluster runs on D
//	D/cluster.json      what is wanted: nodes, replication factor
//	D/coordinator.json  the coordinator's record: the cluster's ID and map
//	D/coordinator.log   every step that the coordinator made
//	D/control.json      where the running Cluster listens for commands, and its token
//	D/<node>/data       the node's volume
//	D/<node>/node.log   what the node printed
//
// Everything in D but control.json survives: a Cluster opened on the same D is
// the same cluster, with the same data.
//
// # What ends with what
//
// Stopping a Cluster stops its nodes and waits for them. On Linux the kernel
// kills the nodes if the supervising process dies without a word, so that none
// is left behind to hold the ports. A node that is killed loses nothing that it
// acknowledged.
package localcluster
