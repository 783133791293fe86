package coordinator

import (
	"context"
	"fmt"
	"strings"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Step is one idempotent call to one node. Exactly one of the requests is set.
type Step struct {
	Seat string // who is called
	Note string // why, for people

	Map    *cluster.Map
	Create *cluster.CreateReplica
	Change *cluster.ChangeConfig
	Leader *cluster.TransferLeader
	Remove *cluster.RemoveReplica
	Sole   *cluster.SoleVoter

	// Proof is what Remove and Sole rest on.
	Proof []Check
	// Balance marks a Leader step that only serves the balance.
	Balance bool
}

// Do calls the node.
func (s Step) Do(ctx context.Context, node cluster.Admin) error {
	switch {
	case s.Map != nil:
		return node.PublishMap(ctx, s.Map)
	case s.Create != nil:
		return node.CreateReplica(ctx, *s.Create)
	case s.Change != nil:
		return node.ChangeConfig(ctx, *s.Change)
	case s.Leader != nil:
		return node.TransferLeader(ctx, *s.Leader)
	case s.Remove != nil:
		return node.RemoveReplica(ctx, *s.Remove)
	case s.Sole != nil:
		return node.ForceSoleVoter(ctx, *s.Sole)
	}
	return fmt.Errorf("an empty step: %w", cluster.ErrInvalid)
}

// String names the step without the reason: "demo-0: partition 3: promote 4, remove 1".
func (s Step) String() string {
	switch {
	case s.Map != nil:
		return fmt.Sprintf("%s: take map revision %d, epoch %d", s.Seat, s.Map.Revision, s.Map.Epoch)
	case s.Create != nil:
		return fmt.Sprintf("%s: partition %d: create replica %d", s.Seat, s.Create.Partition, s.Create.ID)
	case s.Change != nil:
		var parts []string
		for _, r := range s.Change.AddLearners {
			parts = append(parts, fmt.Sprintf("add learner %d", r.ID))
		}
		for _, id := range s.Change.Promote {
			parts = append(parts, fmt.Sprintf("promote %d", id))
		}
		for _, id := range s.Change.Remove {
			parts = append(parts, fmt.Sprintf("remove %d", id))
		}
		return fmt.Sprintf("%s: partition %d: %s", s.Seat, s.Change.Partition, strings.Join(parts, ", "))
	case s.Leader != nil:
		return fmt.Sprintf("%s: partition %d: hand leadership to %d", s.Seat, s.Leader.Partition, s.Leader.To)
	case s.Remove != nil:
		return fmt.Sprintf("%s: partition %d: delete replica %d", s.Seat, s.Remove.Partition, s.Remove.ID)
	case s.Sole != nil:
		return fmt.Sprintf("%s: partition %d: go on alone as %d", s.Seat, s.Sole.Partition, s.Sole.ID)
	}
	return s.Seat + ": nothing"
}
