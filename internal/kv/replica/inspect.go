package replica

import (
	"fmt"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Inspect fills in what this replica has applied of a key, up to date or not. Any
// goroutine may call it.
func (r *Replica) Inspect(key []byte, into *cluster.KeyStatus) {
	status := r.Status()
	into.Replica, into.State, into.Role = status.ID, status.State, status.Role
	into.Term, into.AppliedIndex = status.Term, status.AppliedIndex
	st := r.store.Load()
	st.RLock()
	defer st.RUnlock()
	if item, found := st.Get(key); found && !item.Expired(r.now()) {
		into.Found, into.Version, into.ValueBytes = true, item.Version, len(item.Value)
	}
}

// InspectState fills in what this replica's state is, as it is now: a follower can be
// behind.
func (r *Replica) InspectState(into *cluster.StateStatus) {
	status := r.Status()
	into.Replica, into.State = status.ID, status.State
	st := r.store.Load()
	st.RLock()
	defer st.RUnlock()
	into.Revision, into.Hash = st.Revision(), fmt.Sprintf("%016x", st.Hash())
}
