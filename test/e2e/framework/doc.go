// Package framework is what the end-to-end suite is written with: the machine it
// runs on (Environment), the operator and its helm release, the KVCluster under
// test (Demo) and its nodes, the checking load and its accounts, and a witness
// that watches the promises which must hold at every moment, not only at the end.
//
// Its functions fail the running spec themselves (gomega) when something that a
// scenario takes for granted does not hold; those that return an error leave the
// judgement to the caller.
package framework
