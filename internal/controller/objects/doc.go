// Package objects builds the Kubernetes objects of a KVCluster.
//
// The functions are pure: same input, same object, with no client and no clock.
// They return apply configurations, which hold exactly the fields that the
// operator owns, so that server-side apply leaves everything else to others.
//
// The pod template depends on the KVCluster and on nothing else. A newer
// operator builds the same one, or else upgrading the operator would restart
// every data pod; the golden files in testdata hold it to that.
package objects
