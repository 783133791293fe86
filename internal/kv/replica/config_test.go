package replica

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func abc() cluster.Config {
	return InitialConfig([]cluster.Replica{{ID: 1, Node: "a"}, {ID: 2, Node: "b"}, {ID: 3, Node: "c"}})
}

func TestAChangeThatDoesNotFitIsRefusedBeforeItIsProposed(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*cluster.ChangeConfig)
		config  func(*cluster.Config)
		refused error
	}{
		"made for an older configuration": {change: func(r *cluster.ChangeConfig) { r.ExpectedIndex = 0 }, refused: cluster.ErrConflict},
		"while another is under way": {
			config:  func(c *cluster.Config) { c.Outgoing = c.Voters },
			refused: cluster.ErrConflict,
		},
		"a replica ID that was used before": {
			change:  func(r *cluster.ChangeConfig) { r.AddLearners[0].ID = 3 },
			refused: cluster.ErrConflict,
		},
		"two replicas on one node":        {change: func(r *cluster.ChangeConfig) { r.AddLearners[0].Node = "a" }, refused: cluster.ErrInvalid},
		"promoting what is no learner":    {change: func(r *cluster.ChangeConfig) { r.Promote = []uint64{2} }, refused: cluster.ErrInvalid},
		"removing what is no member":      {change: func(r *cluster.ChangeConfig) { r.Remove = []uint64{9} }, refused: cluster.ErrInvalid},
		"removing every voter":            {change: func(r *cluster.ChangeConfig) { r.Remove = []uint64{1, 2, 3} }, refused: cluster.ErrInvalid},
		"nothing at all":                  {change: func(r *cluster.ChangeConfig) { r.AddLearners = nil }, refused: cluster.ErrInvalid},
		"a learner without a node":        {change: func(r *cluster.ChangeConfig) { r.AddLearners[0].Node = "" }, refused: cluster.ErrConflict},
		"nothing wrong with it":           {},
		"adding one and removing another": {change: func(r *cluster.ChangeConfig) { r.Remove = []uint64{1} }},
	} {
		t.Run(name, func(t *testing.T) {
			config := abc()
			req := cluster.ChangeConfig{ExpectedIndex: config.Index, AddLearners: []cluster.Replica{{ID: 4, Node: "d"}}}
			if c.change != nil {
				c.change(&req)
			}
			if c.config != nil {
				c.config(&config)
			}
			_, err := confChange(&config, &req)
			if c.refused == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, c.refused)
			}
		})
	}
}

func TestACommittedChangeForAnotherConfigurationIsRefusedByEveryReplica(t *testing.T) {
	config := abc()
	cc, err := confChange(&config, &cluster.ChangeConfig{ExpectedIndex: config.Index, Remove: []uint64{3}})
	require.NoError(t, err)
	_, err = acceptable(&config, cc)
	require.NoError(t, err)

	config.Index++
	_, err = acceptable(&config, cc)
	require.ErrorIs(t, err, cluster.ErrConflict)
}

func TestLeavingAJointConfigurationNeedsOne(t *testing.T) {
	config := abc()
	_, err := acceptable(&config, &raftpb.ConfChangeV2{})
	require.ErrorIs(t, err, cluster.ErrConflict)
	config.Outgoing = config.Voters
	_, err = acceptable(&config, &raftpb.ConfChangeV2{})
	require.NoError(t, err)
}

func TestAConfigurationSurvivesTheWayThroughTheLibrary(t *testing.T) {
	for name, c := range map[string]cluster.Config{
		"plain":    abc(),
		"learners": {Index: 5, Voters: []cluster.Replica{{ID: 1, Node: "a"}}, Learners: []cluster.Replica{{ID: 2, Node: "b"}}, NextReplicaID: 3},
		"joint": {
			Index:  9,
			Voters: []cluster.Replica{{ID: 1, Node: "a"}, {ID: 4, Node: "d"}}, Outgoing: []cluster.Replica{{ID: 1, Node: "a"}, {ID: 2, Node: "b"}},
			NextReplicaID: 5,
		},
		"a voter on its way to being a learner": {
			Index: 9, Voters: []cluster.Replica{{ID: 1, Node: "a"}}, Outgoing: []cluster.Replica{{ID: 1, Node: "a"}, {ID: 2, Node: "b"}},
			Learners: []cluster.Replica{{ID: 2, Node: "b"}}, NextReplicaID: 5,
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c, configOf(confState(&c), c.Index, &c, nil))
		})
	}
}

func TestAReplicaIDIsUsedUpWhenAReplicaIsAdded(t *testing.T) {
	config := abc()
	require.EqualValues(t, 4, config.NextReplicaID)
	cs := confState(&config)
	cs.Learners = []uint64{6}
	got := configOf(cs, 7, &config, []cluster.Replica{{ID: 6, Node: "d"}})
	require.EqualValues(t, 7, got.NextReplicaID)
	require.Equal(t, []cluster.Replica{{ID: 6, Node: "d"}}, got.Learners)
}

// TestAChangeOfMembersIsReportedWhenItsCommitIsOnStableStorage: the coordinator removes
// replicas by what is reported, and a power loss must not bring their votes back into play.
func TestAChangeOfMembersIsReportedWhenItsCommitIsOnStableStorage(t *testing.T) {
	s := newStandOf(t, abc().Voters[:1])
	_ = s.r.rn.Campaign()
	for range 4 {
		s.sync()
	}
	before := s.r.Status().Config
	require.NoError(t, s.r.ChangeConfig(&cluster.ChangeConfig{ExpectedIndex: before.Index, AddLearners: []cluster.Replica{{ID: 2, Node: "b"}}}))
	for range 4 {
		s.round()
		s.r.statusOld = true
		s.round()
		if len(s.r.config.Learners) == 1 {
			break
		}
		s.work()
	}
	require.Len(t, s.r.config.Learners, 1, "it is applied")
	require.Equal(t, before, s.r.Status().Config)
	s.sync()
	require.Len(t, s.r.Status().Config.Learners, 1)
	s.crash()
	s.round()
	require.Len(t, s.r.config.Learners, 1, "it is applied again without anybody's help")
}
