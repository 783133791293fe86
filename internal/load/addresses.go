package load

import (
	"slices"
	"sync"
)

// addressBook is the list of addresses that all clients of a load share.
type addressBook struct {
	mu         sync.Mutex
	addresses  []string // replaced as a whole, never changed; guarded by mu
	generation uint64   // counts replacements; guarded by mu
}

func (b *addressBook) get() ([]string, uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.addresses, b.generation
}

func (b *addressBook) set(addresses []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addresses = slices.Clone(addresses)
	b.generation++
}
