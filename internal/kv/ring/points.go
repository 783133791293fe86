package ring

import "slices"

// Points returns the positions of a member's virtual nodes, sorted; nil for a name
// that is no member's. A position owns what lies between the virtual node before it
// and itself. The caller must not change it.
func (r *Ring) Points(id string) []uint64 {
	i := slices.IndexFunc(r.members, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return r.own[i]
}
