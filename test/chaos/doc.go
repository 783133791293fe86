// Package chaos runs a cluster of real processes, breaks what is around them, and
// judges what clients saw: kvnode and kvctl coordinate as users run them, with real
// files, sockets and signals. It finds what the simulation cannot see, because it is
// below or above it: the transport's connections, the servers, the file system of the
// operating system, the supervisor's point of view.
//
// # The sandbox
//
// The test runs itself again in namespaces of its own (network, mounts, processes;
// for users other than root a user namespace as well). Every node has a network
// namespace and a cable to one bridge. When the test ends, however it ends, the
// kernel removes all of it: processes, mounts, interfaces. Where the kernel does not
// allow some of this, the run says what it leaves out, and with -complete it fails.
//
// # Volumes
//
// The nodes' volumes are of three kinds: a folder; a small tmpfs, which runs full; and
// a FUSE file system over crashfs, which loses power: everything that was not synced
// is gone, or half of it is.
//
// # A run
//
// A run is rounds of faults under load. At the end of each the faults stop, the cluster
// must become whole, and all copies must agree. In the end every history must be
// linearizable, and every key is read once more. The seed decides about the faults;
// how processes are scheduled it does not, so that a seed repeats the schedule and
// not the run.
package chaos
