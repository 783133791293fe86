//go:build unix

package resp

import (
	"math"
	"syscall"
	"time"
)

// ownFiles is how many file descriptors are left for what is no client: the log,
// snapshots, peers.
const ownFiles = 512

// mostConnections returns how many clients the process's limit of open files
// allows; the Go runtime has raised it to the hard limit.
func mostConnections() (n int64, limited bool) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0, false
	}
	return max(1, int64(min(limit.Cur, math.MaxInt32))-ownFiles), true
}

// cpuTimes returns the time that the process has used.
func cpuTimes() (user, system time.Duration) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, 0
	}
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
}
