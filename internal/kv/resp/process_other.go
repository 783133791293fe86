//go:build !unix

package resp

import "time"

func mostConnections() (n int64, limited bool) { return 0, false }

func cpuTimes() (user, system time.Duration) { return 0, 0 }
