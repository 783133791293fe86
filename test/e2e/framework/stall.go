package framework

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Stalls measures how long this machine itself does nothing: the Kubernetes nodes
// are containers on it, so what stands still here stands still in them. A scenario
// is not judged by it, but a pause that is as long as a stall tells of the machine
// and not of ringkv.
type Stalls struct {
	mu      sync.Mutex
	longest time.Duration
	stop    context.CancelFunc
	done    sync.WaitGroup
}

const (
	tick     = 10 * time.Millisecond
	syncTick = 200 * time.Millisecond
)

// StartStalls measures until Stop: how late a timer is, and how long a small
// write to a file in folder takes to be on the disk.
func StartStalls(folder string) (*Stalls, error) {
	file, err := os.CreateTemp(folder, "stall-")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Stalls{stop: stop}
	s.done.Go(func() { s.watchTimer(ctx) })
	s.done.Go(func() {
		defer os.Remove(filepath.Clean(file.Name()))
		defer file.Close()
		s.watchDisk(ctx, file)
	})
	return s, nil
}

// Stop ends the measurement and returns the longest stall.
func (s *Stalls) Stop() time.Duration {
	s.stop()
	s.done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.longest
}

func (s *Stalls) saw(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longest = max(s.longest, d)
}

func (s *Stalls) watchTimer(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := time.Now()
			s.saw(now.Sub(last) - tick)
			last = now
		}
	}
}

func (s *Stalls) watchDisk(ctx context.Context, file *os.File) {
	ticker := time.NewTicker(syncTick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			began := time.Now()
			if _, err := file.WriteAt([]byte(began.String()), 0); err != nil {
				return // the disk is full: the scenarios will say so
			}
			if err := file.Sync(); err != nil {
				return
			}
			s.saw(time.Since(began))
		}
	}
}
