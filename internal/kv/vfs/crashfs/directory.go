package crashfs

import (
	"maps"
	"math/rand/v2"
)

// directory holds the names of files, as they are and as they were when last
// synced, and the changes in between.
type directory struct {
	now     map[string]*node
	synced  map[string]*node
	changes []change
}

// change is one atomic change of a directory: set and unset together are a
// rename.
type change struct {
	set   string // this name becomes node; "" for none
	unset string // this name goes, if it is still node's or node is nil; "" for none
	node  *node
}

func newDirectory() *directory {
	return &directory{now: map[string]*node{}, synced: map[string]*node{}}
}

func (c change) apply(names map[string]*node) {
	if c.set != "" {
		names[c.set] = c.node
	}
	if c.unset != "" && (c.node == nil || names[c.unset] == c.node) {
		delete(names, c.unset)
	}
}

func (d *directory) change(c change) {
	c.apply(d.now)
	d.changes = append(d.changes, c)
}

func (d *directory) sync() {
	d.synced = maps.Clone(d.now)
	d.changes = nil
}

// crash returns the names that a crash leaves.
func (d *directory) crash(keep float64, rng *rand.Rand) map[string]*node {
	names := maps.Clone(d.synced)
	for _, c := range d.changes {
		if rng.Float64() < keep {
			c.apply(names)
		}
	}
	return names
}
