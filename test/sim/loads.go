package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// load is a kind of clients that only some runs have. The schedules of old failures name
// none: a client more changes when everything else happens.
type load struct {
	name    string
	clients int
	// next lets a client do the next thing. It calls again when that is done.
	next func(c *clients, client int, random *rand.Rand, p *process, again func())
}

var loads = []load{
	{"once", 2, (*clients).nextOnce},
	{"versions", 2, (*clients).nextVersion},
	{"any", 2, (*clients).nextAny},
	{"expiry", 2, (*clients).nextExpiry},
}

// startLoads starts the clients of all loads that the run has.
func (c *clients) startLoads() {
	client := clientCount + transactorCount
	for _, l := range loads {
		for range l.clients {
			if id := client; slices.Contains(c.w.config.Loads, l.name) {
				c.w.after(time.Duration(id)*time.Millisecond, nil, func() { c.nextOf(l, id) })
			}
			client++
		}
	}
}

// nextOf lets a client of a load go on, on any node.
func (c *clients) nextOf(l load, client int) {
	if c.resting {
		return
	}
	random := c.w.clientRandom(client)
	again := func() {
		c.w.after(between(random, time.Millisecond, 60*time.Millisecond), nil, func() { c.nextOf(l, client) })
	}
	p := c.w.machines[random.IntN(len(c.w.machines))].process
	if p == nil || p.node == nil {
		again()
		return
	}
	l.next(c, client, random, p, again)
}
