package coordinator

import (
	"errors"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// Forecast is what a wish would bring, worked out from what nodes report now.
type Forecast struct {
	// Decision is the plan once the map is as it would be. Its Blocked says what
	// would be refused; nothing moves for a wish that is.
	Decision Decision
	// Before is where the copies are, After where they would be: by partition, the
	// IDs of nodes.
	Before, After ring.Assignment
	// Keys and Bytes are those of one copy, by partition.
	Keys, Bytes []uint64
}

// Preview works out what Plan would do for the input, step after step of the map,
// if every node took each map at once. Like Plan it is pure and changes nothing. How
// much moves and what each node would hold is right to a copy; which partitions it
// is can change with the leaders on the way.
func Preview(in Input) (Forecast, error) {
	if in.Record == nil || in.Record.Map == nil || !in.Record.Initialized {
		return Forecast{}, errors.New("the cluster has no map yet: there is nothing to move")
	}
	var f Forecast
	start := newView(in)
	f.Before = start.placement()
	f.Keys, f.Bytes = make([]uint64, len(start.groups)), make([]uint64, len(start.groups))
	for p, g := range start.groups {
		f.Bytes[p] = g.bytes()
		for _, r := range g.reports {
			f.Keys[p] = max(f.Keys[p], r.Keys)
		}
	}
	in.Record = in.Record.Clone()
	for range 4 { // the same bound as a pass has
		f.Decision = Plan(in)
		if f.Decision.NextMap == nil {
			f.After = newView(in).assignment()
			return f, nil
		}
		in.Record.Map = f.Decision.NextMap
		in.Observation = taken(in.Observation, in.Record.Map)
	}
	return Forecast{}, errors.New("the plan keeps changing the map: this is a defect")
}

// taken returns the observation as it would be once all members that answer have
// taken the map.
func taken(o Observation, m *cluster.Map) Observation {
	out := make(Observation, len(o))
	for seat, answer := range o {
		if answer.Status != nil && m.Member(answer.Status.Node) != nil {
			status := *answer.Status
			status.ClusterID, status.Epoch, status.Revision = m.ClusterID, m.Epoch, m.Revision
			answer.Status = &status
		}
		out[seat] = answer
	}
	return out
}
