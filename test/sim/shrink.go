package sim

import "time"

// Shrink looks for a shorter schedule that still breaks a promise, and returns the
// configuration with it. It takes about as long as budget allows.
func Shrink(c Config, budget time.Duration) Config {
	if c.Faults == nil {
		c.Faults = schedule(c)
	}
	c.Log = nil
	deadline := time.Now().Add(budget)
	for size := (len(c.Faults) + 1) / 2; size > 0 && time.Now().Before(deadline); {
		shorter := false
		for at := 0; at < len(c.Faults) && time.Now().Before(deadline); {
			try := c
			try.Faults = append(append([]Fault{}, c.Faults[:at]...), c.Faults[min(len(c.Faults), at+size):]...)
			if Run(try).Failure != nil {
				c, shorter = try, true
			} else {
				at += size
			}
		}
		if !shorter || size > 1 {
			size /= 2
		}
	}
	return c
}
