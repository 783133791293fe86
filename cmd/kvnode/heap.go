package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Data is kept in blocks without pointers, which cost the garbage collector nothing to
// look through. Go's default lets garbage grow to the size of all that lives, data
// included: as much memory again. So the node sets what may become garbage itself,
// between collections: an eighth of what lives, and no less than 16 MiB, which is a few
// collections per second under the heaviest load.
const (
	leastGarbage  = 16 << 20
	garbageShare  = 8
	garbageLook   = time.Second
	liveHeapBytes = "/gc/heap/live:bytes"
)

// garbagePercent returns what debug.SetGCPercent wants for a number of live bytes.
func garbagePercent(live uint64) int {
	garbage := max(leastGarbage, live/garbageShare)
	return int(garbage * 100 / max(live, leastGarbage/4))
}

// boundGarbage adapts the garbage collector to what the node holds, until ctx ends.
// GOGC in the environment overrides it.
func boundGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	ticker := time.NewTicker(garbageLook)
	defer ticker.Stop()
	sample := []metrics.Sample{{Name: liveHeapBytes}}
	for set := 0; ; {
		metrics.Read(sample)
		// Setting it stops all goroutines for a moment, so small changes are not worth it.
		if want := garbagePercent(sample[0].Value.Uint64()); 10*max(want-set, set-want) > set {
			debug.SetGCPercent(want)
			set = want
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
