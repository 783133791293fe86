package cluster

import "errors"

// Errors that cross the admin endpoints; compare with errors.Is.
var (
	ErrConflict     = errors.New("the state has moved on: look again")
	ErrNotLeader    = errors.New("not the leader of this partition")
	ErrWrongCluster = errors.New("the node belongs to another cluster")
	ErrNotFound     = errors.New("no such replica on this node")
	ErrInvalid      = errors.New("invalid request")
)
