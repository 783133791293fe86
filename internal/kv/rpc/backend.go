package rpc

import (
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/node"
)

// Backend is the node behind the API; *node.Node is one.
type Backend interface {
	// ID names the node.
	ID() cluster.NodeID
	// Submit takes calls and completes each later, on any goroutine.
	Submit(calls []*command.Call)
	// Placement returns what the node knows of its cluster, or false if it belongs to
	// none yet.
	Placement() (*node.Placement, bool)
}

var _ Backend = (*node.Node)(nil)
