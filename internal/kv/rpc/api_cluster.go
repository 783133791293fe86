package rpc

import (
	"context"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// slots is the number of slots that keys hash to.
const slots = 16384

// Cluster implements the KV service.
func (s *service) Cluster(context.Context, *kvv1.ClusterRequest) (*kvv1.ClusterResponse, error) {
	t, ok := s.backend.Placement()
	if !ok {
		return nil, noCluster()
	}
	m := t.Map
	out := &kvv1.ClusterResponse{
		ClusterId: m.ClusterID, Epoch: m.Epoch, MapRevision: m.Revision, NodeId: string(s.backend.ID()),
		ReplicationFactor: uint32(m.ReplicationFactor), VirtualNodes: uint32(m.VirtualNodes),
	}
	for _, member := range m.Members {
		out.Members = append(out.Members, &kvv1.Member{
			Id: string(member.ID), Name: member.Name, State: string(member.State), Zone: member.Zone,
			HttpAddress: member.HTTPAddress, RespAddress: member.RESPAddress, ClusterAddress: member.ClusterAddress,
		})
	}
	preferred := t.Preferred()
	for p := range t.Leaders {
		l := &t.Leaders[p]
		partition := &kvv1.Partition{
			FirstSlot: uint32(p * slots / m.Partitions), LastSlot: uint32((p+1)*slots/m.Partitions - 1),
			Leader: string(l.Leader.Node), Preferred: preferred[p],
		}
		for _, v := range l.Voters {
			partition.Voters = append(partition.Voters, string(v.Node))
		}
		out.Partitions = append(out.Partitions, partition)
	}
	return out, nil
}
