package transport

import (
	"sync"
	"time"
)

// complaints keeps a condition that lasts from filling the log: the same words
// again are due only after a while, other words after a shorter one.
type complaints struct {
	mu    sync.Mutex
	last  string
	at    time.Time
	since int // complaints that were not due since the last one that was
}

const (
	repeatSame  = 30 * time.Second
	repeatOther = 2 * time.Second
)

// due tells whether to log a complaint now, and how many were held back before.
func (c *complaints) due(words string) (bool, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := repeatSame
	if words != c.last {
		wait = repeatOther
	}
	if now := time.Now(); c.at.IsZero() || now.Sub(c.at) >= wait {
		held := c.since
		c.last, c.at, c.since = words, now, 0
		return true, held
	}
	c.since++
	return false, 0
}

// reset makes the next complaint due at once.
func (c *complaints) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.at, c.since = "", time.Time{}, 0
}
