package bench

import (
	"errors"
	"fmt"
	"math"
	"net"
	"time"
)

// Distribution says how often each key is used.
type Distribution string

// The distributions.
const (
	Uniform    Distribution = "uniform"    // every key as often as any other
	Zipf       Distribution = "zipf"       // few keys often, many rarely: rank r by 1/r^Skew
	Sequential Distribution = "sequential" // one after the other
)

// Options say what to measure. All fields are needed but where a zero value has a
// meaning.
type Options struct {
	// Addresses are host:port; connections are spread over them in turn. One that is
	// lost is made again to the next address.
	Addresses []string `json:"addresses"`
	// ClusterMode makes every connection a client of Redis Cluster, with a
	// connection to each server that it needs: a command goes to the server of its
	// key's slot, and on to where MOVED says. Addresses are then those that are asked
	// who serves what.
	ClusterMode bool `json:"clusterMode"`
	// Reach says where a server that the cluster names can be reached from here, if
	// that is elsewhere.
	Reach map[string]string `json:"reach,omitempty"`
	// Dial connects to servers that are no Redis; nil means Redis.
	Dial Dial `json:"-"`
	// Connections, each with one stream of commands, and Pipeline, the most
	// commands that a connection has under way.
	Connections int `json:"connections"`
	Pipeline    int `json:"pipeline"`
	// Rate in commands a second, of all connections together, makes an open loop;
	// 0 makes a closed one.
	Rate float64 `json:"rate"`
	// Poisson makes commands of an open loop come due at random, as those of many
	// independent users do; else they are evenly spaced.
	Poisson bool `json:"poisson"`
	// Duration and Count end the measurement, whichever comes first; 0 means no
	// such end. Warmup comes before both.
	Duration time.Duration `json:"durationNanos"`
	Count    uint64        `json:"count"`
	Warmup   time.Duration `json:"warmupNanos"`

	Keys         int          `json:"keys"`
	Prefix       string       `json:"prefix"` // of all keys
	Distribution Distribution `json:"distribution"`
	Skew         float64      `json:"skew"` // of Zipf, above 0 and below 1; 0.99 is usual
	// MinValueBytes to MaxValueBytes is the length of values, evenly spread.
	MinValueBytes int           `json:"minValueBytes"`
	MaxValueBytes int           `json:"maxValueBytes"`
	ReadFraction  float64       `json:"readFraction"` // 0 to 1: GETs; the rest are SETs
	Timeout       time.Duration `json:"timeoutNanos"`
	Seed          uint64        `json:"seed"`

	// persist is for how long a command goes again that failed for what passes, as
	// in an election; 0 records the failure. One that failed for so long ends the run,
	// which must have a Count. The commands must do no harm if they are executed twice.
	persist time.Duration
}

// maxValueBytes bounds values.
const maxValueBytes = 64 << 20

// Check says what is wrong with the options.
func (o *Options) Check() error {
	if len(o.Addresses) == 0 {
		return errors.New("no address to measure")
	}
	for _, a := range o.Addresses {
		if _, port, err := net.SplitHostPort(a); err != nil || port == "" {
			return fmt.Errorf("address %q: want host:port", a)
		}
	}
	switch {
	case o.Connections < 1 || o.Connections > 10_000:
		return fmt.Errorf("%d connections: want 1 to 10000", o.Connections)
	case o.Pipeline < 1 || o.Pipeline > 100_000:
		return fmt.Errorf("pipeline %d: want 1 to 100000", o.Pipeline)
	case o.Rate < 0 || math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0):
		return fmt.Errorf("rate %v: want commands a second, or 0 for as many as the server takes", o.Rate)
	case o.Duration < 0 || o.Warmup < 0:
		return errors.New("duration and warmup must not be negative")
	case o.Duration == 0 && o.Count == 0:
		return errors.New("a duration or a count must end the measurement")
	case o.Keys < 1:
		return fmt.Errorf("%d keys: want at least 1", o.Keys)
	case o.Distribution != Uniform && o.Distribution != Zipf && o.Distribution != Sequential:
		return fmt.Errorf("distribution %q: want uniform, zipf or sequential", o.Distribution)
	case o.Distribution == Zipf && !(o.Skew > 0 && o.Skew < 1):
		return fmt.Errorf("skew %v: want above 0 and below 1", o.Skew)
	case o.MinValueBytes < 0 || o.MaxValueBytes < o.MinValueBytes || o.MaxValueBytes > maxValueBytes:
		return fmt.Errorf("values of %d to %d bytes: want 0 to %d, the smaller first", o.MinValueBytes, o.MaxValueBytes, maxValueBytes)
	case !(o.ReadFraction >= 0 && o.ReadFraction <= 1):
		return fmt.Errorf("read fraction %v: want 0 to 1", o.ReadFraction)
	case o.ClusterMode && o.Dial != nil:
		return errors.New("only Redis has a cluster mode")
	case o.Timeout <= 0:
		return fmt.Errorf("timeout %v: want a positive one", o.Timeout)
	}
	return nil
}
