package bench

import (
	"math"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
)

// chooser chooses the keys of one connection.
type chooser struct {
	random *rand.Rand
	keys   uint64
	prefix string
	next   *atomic.Uint64 // of Sequential, shared by all connections
	zipf   *zipf          // nil for the other distributions
	way    Distribution
}

// newChooser returns the chooser of connection i. z takes time to make and is shared
// like next.
func newChooser(o *Options, z *zipf, next *atomic.Uint64, i int) *chooser {
	return &chooser{
		random: rand.New(rand.NewPCG(o.Seed, uint64(i)+1)),
		keys:   uint64(o.Keys), prefix: o.Prefix, way: o.Distribution, zipf: z, next: next,
	}
}

// number returns the number of the next key, from 0 on.
func (c *chooser) number() uint64 {
	switch c.way {
	case Sequential:
		return (c.next.Add(1) - 1) % c.keys
	case Zipf:
		// Neighbouring ranks should not be neighbouring keys: the often used ones
		// are spread over all of them.
		return scatter(c.zipf.rank(c.random.Float64())) % c.keys
	default:
		return c.random.Uint64N(c.keys)
	}
}

// appendKey appends the name of key number n. Names have one length, so that they
// cost the same.
func (c *chooser) appendKey(dst []byte, n uint64) []byte {
	dst = append(dst, c.prefix...)
	const digits = 12
	for pad := uint64(math.Pow10(digits - 1)); pad > n && pad > 1; pad /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, n, 10)
}

// scatter is the finalizer of splitmix64 (Steele, Lea, Flood, 2014).
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// zipf draws ranks from 0 on, rank r with a probability proportional to
// 1/(r+1)^theta (J. Gray et al., "Quickly Generating Billion-Record Synthetic
// Databases", SIGMOD 1994, section 3.2). It never changes once it is made.
type zipf struct {
	n                 uint64
	theta, alpha, eta float64
	zetaN, half       float64
}

// newZipf takes time in proportion to n.
func newZipf(n uint64, theta float64) *zipf {
	z := &zipf{n: n, theta: theta, alpha: 1 / (1 - theta), half: math.Pow(0.5, theta)}
	for i := uint64(1); i <= n; i++ {
		z.zetaN += 1 / math.Pow(float64(i), theta)
	}
	zeta2 := 1 + z.half
	z.eta = (1 - math.Pow(2/float64(n), 1-theta)) / (1 - zeta2/z.zetaN)
	return z
}

// rank turns a number from 0 to below 1 into a rank below n.
func (z *zipf) rank(u float64) uint64 {
	at := u * z.zetaN
	switch {
	case at < 1 || z.n == 1:
		return 0
	case at < 1+z.half || z.n == 2:
		return 1
	}
	return min(uint64(float64(z.n)*math.Pow(z.eta*u-z.eta+1, z.alpha)), z.n-1)
}
