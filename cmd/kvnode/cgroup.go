package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
)

// Files that hold the memory limit of the process's container: as a container sees
// its own cgroup, version 2 and version 1. See the kernel's
// Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
var memoryLimitFiles = []string{
	"/sys/fs/cgroup/memory.max",
	"/sys/fs/cgroup/memory/memory.limit_in_bytes",
}

// unlimited is far above any machine; cgroup v1 writes "no limit" as a number near
// the largest int64.
const unlimited = 1 << 60

// containerMemory returns the container's memory limit in bytes, or 0 if it has
// none.
func containerMemory() (uint64, error) {
	for _, name := range memoryLimitFiles {
		b, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		text := strings.TrimSpace(string(b))
		if text == "max" {
			return 0, nil
		}
		limit, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return 0, err
		}
		if limit >= unlimited {
			return 0, nil
		}
		return limit, nil
	}
	return 0, nil
}
