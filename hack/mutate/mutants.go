package main

import "slices"

// mutants are all of them, in the order of the table.
var mutants = slices.Concat(logMutants, replicaMutants, doubtMutants, nodeMutants, clusterMutants)

// The packages whose tests notice most.
const (
	walTests     = "./internal/kv/wal"
	storeTests   = "./internal/kv/store"
	replicaTests = "./internal/kv/replica"
	nodeTests    = "./internal/kv/node"
	simTests     = "./test/sim"
)

// simulated are the seeds of the simulation that are always the same.
var simulated = killer{simTests, "TestOldFailuresStayAway|TestALeaderThatWasStopped|TestASeedRepeats"}
