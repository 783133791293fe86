package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ringkv/ringkv/internal/load"
)

// progress prints a line every few seconds until ctx ends.
func progress(ctx context.Context, l *load.Load, out io.Writer) {
	const interval = 5 * time.Second
	var before uint64
	for ticker := time.NewTicker(interval); ; {
		select {
		case <-ctx.Done():
			ticker.Stop()
			return
		case <-ticker.C:
		}
		s := l.Stats()
		operations := s.Total.Reads.Succeeded + s.Total.Writes.Succeeded
		fmt.Fprintf(out, "%d of %d keys written, %d operations/s, longest pause %s, %d wrong answers",
			s.Written, s.Keys, (operations-before)/uint64(interval/time.Second),
			short(s.Total.LongestPause().Millis), s.Violations.Total())
		if operations == before && s.LastError != "" {
			fmt.Fprintf(out, "; no answer but %s", s.LastError)
		}
		fmt.Fprintln(out)
		before = operations
	}
}
