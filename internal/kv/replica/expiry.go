package replica

import (
	"github.com/ringkv/ringkv/internal/kv/command"
)

const (
	// expiryTicks is how often a leader looks for expired keys.
	expiryTicks = 20
	// expiryBatch is how many keys it then deletes at most.
	expiryBatch = 1000
	// expireCommand deletes those of its keys that have expired.
	expireCommand = "ringkv.expire"
)

// proposeExpiry deletes expired keys through the log, so that all replicas drop
// them at the same point. Reads hide them already.
func (r *Replica) proposeExpiry() {
	if r.ticks%expiryTicks != 0 || r.appliedTerm != r.raftTerm || len(r.proposals.pending) > 0 {
		return
	}
	now := r.now()
	args := [][]byte{[]byte(expireCommand)}
	st := r.store.Load()
	st.Lock()
	st.Expired(now, expiryBatch, func(key []byte) {
		args = append(args, append([]byte(nil), key...))
	})
	st.Unlock()
	if len(args) == 1 {
		return
	}
	r.proposals.sequence++
	payload := command.AppendBatchHeader(nil, r.id, r.proposals.sequence, now)
	// Nobody waits for it, and if it is dropped the next look finds them again.
	_ = r.rn.Propose(command.AppendCommand(payload, args))
}
