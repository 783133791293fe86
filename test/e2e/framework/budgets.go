package framework

import (
	"context"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
)

// Budget names what is waited for and how long it may take.
type Budget struct {
	What  string
	Limit time.Duration
	// Poll is the time between two looks; 0 means half a second.
	Poll time.Duration
}

// What a user is promised. These do not grow with a slow machine.
var (
	// FirstAvailable is from `kubectl apply` of a new KVCluster to Available.
	FirstAvailable = Budget{What: "a new KVCluster is Available", Limit: 60 * time.Second}
	// Pause is the longest that any one read or write may take, retries included,
	// while a single thing fails or data moves.
	Pause = Budget{What: "no operation takes longer", Limit: 2 * time.Second}
	// Quiet is how long a converged cluster is watched for API writes.
	Quiet = Budget{What: "a converged cluster causes no API writes", Limit: 60 * time.Second}
	// OperatorAway is how long the operator is gone while a node restarts.
	OperatorAway = Budget{What: "the data path works without the operator", Limit: 60 * time.Second}
)

// What the rest may take, on a machine of two cores that runs all four
// Kubernetes nodes.
var (
	OperatorInstalled = Budget{What: "helm has installed the operator", Limit: 2 * time.Minute}
	OperatorLeads     = Budget{What: "a manager leads", Limit: 60 * time.Second}
	OperatorGone      = Budget{What: "all managers are gone", Limit: 60 * time.Second}
	LoadReady         = Budget{What: "the load has written every key", Limit: 90 * time.Second}
	Rebalanced        = Budget{What: "the KVCluster is Rebalanced as its spec says", Limit: 4 * time.Minute}
	Witnessed         = Budget{What: "the witness has judged every removal", Limit: 30 * time.Second, Poll: 100 * time.Millisecond}
	AllAnswer         = Budget{What: "every node answers", Limit: 5 * time.Second, Poll: 200 * time.Millisecond}
	MovesBegin        = Budget{What: "the first move has begun", Limit: 60 * time.Second, Poll: 100 * time.Millisecond}
	PodBack           = Budget{What: "every pod is ready again", Limit: 2 * time.Minute}
	AllPodsBack       = Budget{What: "the cluster serves again after all pods stopped", Limit: 3 * time.Minute}
	VolumeReplaced    = Budget{What: "the node is back as a new member and filled", Limit: 4 * time.Minute}
	Drained           = Budget{What: "kubectl drain has emptied the worker", Limit: 2 * time.Minute}
	StatefulSetMended = Budget{What: "the StatefulSet is as the operator wants it", Limit: 60 * time.Second}
	Refusal           = Budget{What: "the wish is refused or Blocked with its reason", Limit: 30 * time.Second}
	NothingMoves      = Budget{What: "nothing moves when the operator is back", Limit: 30 * time.Second}
	Deleted           = Budget{What: "a deleted KVCluster is gone with its objects", Limit: 2 * time.Minute}
	NodeKilled        = Budget{What: "the container was started again", Limit: 60 * time.Second, Poll: 200 * time.Millisecond}
	Settled           = Budget{What: "the cluster is at rest: status unchanged for a while", Limit: 2 * time.Minute}
)

// NoLimit is the pause of a scenario in which everything stops: what counts is
// that nothing is lost.
var NoLimit = Budget{What: "nothing is lost, however long it takes"}

func (b Budget) poll() time.Duration {
	if b.Poll == 0 {
		return 500 * time.Millisecond
	}
	return b.Poll
}

// Within waits until check passes and fails the spec when it does not in time.
func Within(ctx context.Context, b Budget, check func(g gomega.Gomega)) {
	ginkgo.GinkgoHelper()
	gomega.Eventually(ctx, check).WithTimeout(b.Limit).WithPolling(b.poll()).Should(gomega.Succeed(), "within %s: %s", b.Limit, b.What)
}

// Throughout fails the spec when check fails once before the budget is over.
func Throughout(ctx context.Context, b Budget, check func(g gomega.Gomega)) {
	ginkgo.GinkgoHelper()
	gomega.Consistently(ctx, check).WithTimeout(b.Limit).WithPolling(b.poll()).Should(gomega.Succeed(), "for %s: %s", b.Limit, b.What)
}
