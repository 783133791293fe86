// Package units writes figures as people read them.
package units

import (
	"fmt"
	"strconv"
	"time"
)

// Bytes returns a number of bytes with a binary unit: "512 B", "1.5 MiB".
func Bytes(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n)/unit, 0
	for value >= unit-0.05 && prefix < len(prefixes)-1 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %ciB", value, prefixes[prefix])
}

const prefixes = "KMGTPE"

// Count returns a number with its thousands apart: "12,345".
func Count[T int | int64 | uint64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(digits) - 3; i > start; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Duration rounds to what matters: 3 digits or so.
func Duration(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.Round(time.Microsecond).String()
	}
}
