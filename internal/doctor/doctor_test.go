package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/target"
	"github.com/ringkv/ringkv/internal/target/targettest"
)

func TestAHealthyClusterHasNoFindings(t *testing.T) {
	require.Empty(t, Examine(targettest.Observe(3, 16, 3)))
}

func TestEveryKindOfTroubleIsFoundAndNamed(t *testing.T) {
	for name, test := range map[string]struct {
		harm    func(o *target.Observation)
		healthy bool
		want    []string // in this order
	}{
		"a node is down": {
			harm: func(o *target.Observation) { targettest.Down(o, "n2"); targettest.Lead(o) },
			want: []string{"node n2 is down: dial tcp n2:7000: connect: connection refused", "fewer than 3 good copies of 16 partitions: 0, 1, 2, 3, 4 and 11 more"},
		},
		"an election runs": {
			harm: func(o *target.Observation) {
				for _, n := range o.Nodes {
					if r := targettest.Replica(o, n.Name, 7); r.Role == cluster.RoleLeader {
						r.Role, r.Progress = cluster.RoleCandidate, nil
					}
				}
			},
			want: []string{"1 partition without a leader, although a majority answers: 7"},
		},
		"the majority is gone": {
			harm: func(o *target.Observation) { targettest.Down(o, "n2"); targettest.Down(o, "n3") },
			want: []string{"node n2 is down", "node n3 is down", "can be neither read nor written, since no majority of their copies answers", "good copy alone is left"},
		},
		"a copy is damaged": {
			harm: func(o *target.Observation) {
				r := targettest.Replica(o, "n1", 5)
				r.State, r.Reason, r.Role, r.Progress = cluster.ReplicaRefused, "segment 4 offset 96: checksum", "", nil
				targettest.Lead(o)
			},
			want: []string{"fewer than 3 good copies of 1 partition: 5", "the copy of partition 5 on n1 is damaged: segment 4 offset 96: checksum"},
		},
		"a disk is almost full": {
			harm: func(o *target.Observation) { o.Nodes[1].Status.DiskFree = 5 << 30 },
			want: []string{"the disk of n2 is almost full: 5.0 GiB of 100.0 GiB free"},
		},
		"memory is almost full": {
			harm: func(o *target.Observation) { o.Nodes[0].Status.MemoryUsed = 900 << 20 },
			want: []string{"the data of n1 takes 900.0 MiB of the 1.0 GiB that it may take"},
		},
		"a node says so itself": {
			harm: func(o *target.Observation) { o.Nodes[2].Status.Problems = []string{"the volume is almost full"} },
			want: []string{"node n3: the volume is almost full"},
		},
		"the coordinator is blocked": {
			harm: func(o *target.Observation) { o.Blocked = []string{"TooFewNodes: ask for more"} },
			want: []string{"TooFewNodes: ask for more"},
		},
		"the record is old": {
			harm: func(o *target.Observation) { o.Nodes[0].Status.Revision = 9 },
			want: []string{"node n1 has map revision 9, the coordinator's record only 1"},
		},
		"a node of another cluster": {
			harm: func(o *target.Observation) { o.Nodes[0].Status.ClusterID = "c2" },
			want: []string{"node n1 belongs to another cluster: c2"},
		},
		"a copy is far behind": {
			harm: func(o *target.Observation) {
				for _, n := range o.Nodes {
					if r := targettest.Replica(o, n.Name, 0); r.Role == cluster.RoleLeader {
						r.LastIndex = 50_500
						r.Progress[0].Match, r.Progress[1].Match = 50_500, 50_500
					}
				}
			},
			want: []string{"are up to 50,000 log entries behind"},
		},
		"weaknesses are no problems": {
			healthy: true,
			harm: func(o *target.Observation) {
				*o = *targettest.Observe(3, 16, 1)
				o.Nodes[0].Restarts, o.Nodes[0].LastExit = 4, "exit status 2"
				o.Nodes[1].Status.Version = "v2"
				o.Progress = target.Progress{MovesDone: 1, MovesTotal: 3}
			},
			want: []string{
				"data is moving: 1 of 3 copies of partitions made", "node n1 was started again 4 times; it ended with: exit status 2",
				"there is one copy of every key", "nodes run different versions: v1, v2",
			},
		},
		"all copies in one zone": {
			healthy: true,
			harm: func(o *target.Observation) {
				*o = *targettest.Observe(4, 16, 3)
				o.Nodes[3].Zone = "b"
			},
			want: []string{"all copies in one zone: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := targettest.Observe(3, 16, 3)
			test.harm(o)
			findings := Examine(o)
			require.Equal(t, test.healthy, Healthy(findings))
			require.Len(t, findings, len(test.want), "%+v", findings)
			for i, want := range test.want {
				require.Contains(t, findings[i].What, want)
				if i > 0 {
					require.False(t, findings[i].Problem && !findings[i-1].Problem, "problems come first")
				}
			}
		})
	}
}
