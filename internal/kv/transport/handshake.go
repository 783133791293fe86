package transport

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Two nodes introduce themselves in HTTP headers, for a stream and for a snapshot
// alike:
//
//	GET /peer/stream HTTP/1.1           HTTP/1.1 101 Switching Protocols
//	Connection: Upgrade                 Connection: Upgrade
//	Upgrade: ringkv-peer                Upgrade: ringkv-peer
//	Ringkv-Protocol: 1                  Ringkv-Protocol: 1
//	Ringkv-Cluster: 0123456789abcdef    Ringkv-From: <the node that answers>
//	Ringkv-From: <the node that dials>  Ringkv-Session: <of its process>
//	Ringkv-To: <the node it expects>
//	Ringkv-Session: <of its process>
//	Ringkv-Attempt: 12
//
// Attempts of a process are numbered, so that one that was given up, and is looked
// at late, does not replace its successor.
//
// A refusal has a status and one line of text that says why:
//
//	400  not a peer, or nonsense in a header
//	403  another cluster, or one of the two belongs to none yet
//	409  there is a later attempt
//	421  the address belongs to another node than expected
//	426  no common protocol version
//	429  too many snapshots under way
//	503  too many connections, or closing
const (
	streamPath   = "/peer/stream"
	snapshotPath = "/peer/snapshot"
	upgradeName  = "ringkv-peer"

	headerProtocol = "Ringkv-Protocol"
	headerCluster  = "Ringkv-Cluster"
	headerFrom     = "Ringkv-From"
	headerTo       = "Ringkv-To"
	headerSession  = "Ringkv-Session"
	headerAttempt  = "Ringkv-Attempt"

	// protocolVersion is raised when frames or snapshot streams change. A node
	// that knows several offers all of them, separated by commas, and the one
	// that answers picks.
	protocolVersion = "1"
)

// refusal is why a peer is not let in.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, reason: fmt.Sprintf(format, args...)}
}

// introduce sets the headers of a request to a peer.
func (t *Transport) introduce(h http.Header, to cluster.NodeID) {
	h.Set(headerProtocol, protocolVersion)
	h.Set(headerCluster, t.config.ClusterID())
	h.Set(headerFrom, string(t.config.Self))
	h.Set(headerTo, string(to))
	h.Set(headerSession, t.session)
	h.Set(headerAttempt, strconv.FormatUint(t.attempts.Add(1), 10))
}

// caller is who asks for a stream or brings a snapshot.
type caller struct {
	node    cluster.NodeID
	session string
	attempt uint64
}

// checkIntroduction returns who asks, or why it is refused.
func (t *Transport) checkIntroduction(h http.Header) (caller, *refusal) {
	from, why := t.checkIdentities(h)
	c := caller{node: from, session: h.Get(headerSession)}
	if why != nil {
		return c, why
	}
	var err error
	if c.attempt, err = strconv.ParseUint(h.Get(headerAttempt), 10, 64); err != nil || !isSession(c.session) {
		return c, refuse(http.StatusBadRequest, "%s must be 16 hexadecimal digits and %s a number", headerSession, headerAttempt)
	}
	return c, nil
}

func (t *Transport) checkIdentities(h http.Header) (cluster.NodeID, *refusal) {
	from, to := cluster.NodeID(h.Get(headerFrom)), cluster.NodeID(h.Get(headerTo))
	theirs, ours := h.Get(headerCluster), t.config.ClusterID()
	switch {
	case !offers(h.Get(headerProtocol), protocolVersion):
		return "", refuse(http.StatusUpgradeRequired, "peer protocol %.16q is not spoken here: this node speaks %s; upgrade the older one of the two", h.Get(headerProtocol), protocolVersion)
	case !isNodeID(from) || !isNodeID(to):
		return "", refuse(http.StatusBadRequest, "%s and %s must be node IDs", headerFrom, headerTo)
	case to != t.config.Self:
		return from, refuse(http.StatusMisdirectedRequest, "expected node %s, but this is %s", to.Short(), t.config.Self.Short())
	case from == t.config.Self:
		return from, refuse(http.StatusMisdirectedRequest, "node %s dialed itself, or its volume was copied", from.Short())
	case ours == "":
		return from, refuse(http.StatusForbidden, "this node belongs to no cluster yet")
	case theirs != ours:
		return from, refuse(http.StatusForbidden, "this node belongs to cluster %s, not to %.32q", ours, theirs)
	case t.ctx.Err() != nil:
		return from, refuse(http.StatusServiceUnavailable, "this node is stopping")
	}
	return from, nil
}

// answerRefusal tells the one that asks, and the log.
func (t *Transport) answerRefusal(w http.ResponseWriter, r *http.Request, from cluster.NodeID, why *refusal) {
	t.refused.Add(1)
	if due, held := t.complaints.due(why.reason); due && t.ctx.Err() == nil {
		t.config.Logger.Warn("peer refused", "path", r.URL.Path, "peer", from.Short(), "address", r.RemoteAddr,
			"status", why.status, "reason", why.reason, "unreported", held)
	}
	http.Error(w, why.reason, why.status)
}

func offers(list, version string) bool {
	for v := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(v) == version {
			return true
		}
	}
	return false
}

func isNodeID(id cluster.NodeID) bool { return isLowerHex(string(id), 40) }

func isSession(s string) bool { return isLowerHex(s, 16) }

func isLowerHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
