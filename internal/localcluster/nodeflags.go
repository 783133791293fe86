package localcluster

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// nodeFlags is the command line of a seat's kvnode. dir is the seat's folder, first
// its first port.
func nodeFlags(dir string, first int, s seat) []string {
	at := func(offset int) string { return strconv.Itoa(first + offset) }
	flags := []string{
		"--dir", filepath.Join(dir, "data"),
		"--name", s.Name,
		"--bind", host,
		"--resp-port", at(respOffset),
		"--peer-port", at(peerOffset),
		"--metrics-port", at(metricsOffset),
		"--drain-timeout", drainTimeout.String(),
	}
	if s.Zone != "" {
		flags = append(flags, "--zone", s.Zone)
	}
	return flags
}

// nodeEnvironment has the ports that not every build of kvnode serves: in the
// environment it ignores what it does not know.
func nodeEnvironment(first int) []string {
	return []string{
		fmt.Sprintf("RINGKV_HTTP_PORT=%d", first+httpOffset),
		fmt.Sprintf("RINGKV_CLUSTER_PORT=%d", first+clusterOffset),
	}
}
