package localcluster

import (
	"log/slog"
	"slices"
	"time"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// patience is how long something may stand in the way before it is worth a line:
// every start and every election does for a moment.
const patience = 3 * time.Second

// reporter tells people what the coordinator finds, once.
type reporter struct {
	log *slog.Logger
	// since is when each reason for being blocked was first seen; the zero time
	// once it was told.
	since map[coordinator.Reason]time.Time
}

func (r *reporter) report(now *coordinator.Result) {
	for _, e := range now.Events {
		r.log.Info(e.Message, "event", e.Reason)
	}
	for reason := range r.since {
		if !slices.ContainsFunc(now.Blocked, func(b coordinator.Blocked) bool { return b.Reason == reason }) {
			delete(r.since, reason)
		}
	}
	for _, b := range now.Blocked {
		since, known := r.since[b.Reason]
		switch {
		case !known:
			r.since[b.Reason] = now.At
		case !since.IsZero() && now.At.Sub(since) >= patience:
			r.log.Warn(b.Message, "blocked", b.Reason)
			r.since[b.Reason] = time.Time{}
		}
	}
}
