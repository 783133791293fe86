package coordinator

import "time"

// Result is what a pass found and did: all that a status page needs.
type Result struct {
	At          time.Time
	ClusterID   string // empty before the first map
	Initialized bool
	Epoch       uint64
	Revision    uint64
	// ReplicationFactor is the one in force; the wished one may be refused.
	ReplicationFactor int
	Partitions        int

	Converged bool
	Health    Health
	Members   []MemberStatus
	Blocked   []Blocked
	Removable []Removal
	Kept      []Removal
	Notes     []string
	Events    []Event
	Progress  Progress
	// Done are the steps of this pass, with their errors.
	Done []StepResult
	// RequeueAfter is when the next pass is worth while; 0 when only a change
	// makes one so (see Coordinator.Changed).
	RequeueAfter time.Duration
}

// StepResult is a step that was tried.
type StepResult struct {
	Step Step
	Err  error // nil when the node accepted it
}

// Progress is how far the moves are, counted from when there were none.
type Progress struct {
	Active     bool      // moves are left
	Started    time.Time // zero when not active
	MovesTotal int
	MovesDone  int
	BytesTotal uint64 // of keys and values
	BytesDone  uint64
	Percent    int // of the moves, 100 when nothing is left
	// ETA is an estimate of the time left; 0 when there is nothing to go by.
	ETA     time.Duration
	ByCause map[Cause]int // moves left
	Running int           // copies under way
	// Cleanups are former copies still to be deleted.
	Cleanups int
}

// progress counts what remains against the account of the rebalance. It returns
// the account as it should be kept: nil when nothing is left. With partitions out
// of sight (blind) an account is never closed. left is how many moves were left in
// the last pass; negative if that is not known.
func progress(kept *Rebalance, r Remaining, left int, blind bool, now time.Time) (Progress, *Rebalance) {
	p := Progress{Percent: 100, ByCause: r.ByCause, Running: r.Active, Cleanups: r.Cleanups}
	if r.Moves == 0 && (!blind || kept == nil) {
		return p, nil
	}
	account := Rebalance{Started: now}
	if kept != nil {
		account = *kept
	}
	total := account.MovesTotal
	if kept != nil && left >= 0 && r.Moves > left {
		total += r.Moves - left // a change of mind adds work: what was done stays done
	}
	if total = max(total, r.Moves); total > account.MovesTotal {
		account.MovesTotal, account.BytesTotal = total, max(account.BytesTotal, r.Bytes)
	}
	bytesTotal := max(account.BytesTotal, r.Bytes) // data grows meanwhile
	p.Active, p.Started = true, account.Started
	p.MovesTotal, p.MovesDone = account.MovesTotal, account.MovesTotal-r.Moves
	p.BytesTotal, p.BytesDone = bytesTotal, bytesTotal-r.Bytes
	p.Percent = min(99, 100*p.MovesDone/p.MovesTotal)
	if elapsed := now.Sub(account.Started); p.MovesDone > 0 && elapsed > 0 {
		p.ETA = (elapsed * time.Duration(r.Moves) / time.Duration(p.MovesDone)).Round(time.Second)
	}
	return p, &account
}
