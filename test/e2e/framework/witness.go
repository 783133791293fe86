package framework

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Witness watches what must hold at every moment while data moves:
//
//   - no partition ever has fewer voters than promised, nor in fewer zones;
//   - when the StatefulSet is lowered, the nodes that have to go hold nothing
//     and no partition counts on them.
//
// It sees by asking the nodes themselves, over and over, and trusts nothing that
// the operator says. What it reports is certain; what happens between two looks
// it can miss.
type Witness struct {
	demo         *Demo
	voters       int
	ctx          context.Context
	stop         context.CancelFunc
	done         sync.WaitGroup
	mu           sync.Mutex
	looks        int
	replicas     int32    // of the StatefulSet, as far as the watch has been judged
	lowered      []string // which pods had to go, with what was found
	violations   []error
	maxViolation int
}

// StartWitness watches until Stop. voters is the least number of voters that a
// partition may have in the meantime.
func (d *Demo) StartWitness(ctx context.Context, voters int) *Witness {
	ctx, stop := context.WithCancel(ctx)
	w := &Witness{demo: d, voters: voters, ctx: ctx, stop: stop, maxViolation: 20}
	sets, err := d.env.Client.Watch(ctx, &appsv1.StatefulSetList{}, client.InNamespace(Namespace),
		client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", d.Name)})
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "watch the StatefulSet")
	before, err := d.StatefulSet(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	w.replicas = *before.Spec.Replicas
	w.done.Go(func() {
		defer sets.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case event, ok := <-sets.ResultChan():
				if !ok {
					if ctx.Err() == nil {
						w.violated(errors.New("the watch on the StatefulSet ended: the witness is blind"))
					}
					return
				}
				set, ok := event.Object.(*appsv1.StatefulSet)
				if !ok {
					continue
				}
				for n := w.judged() - 1; n >= *set.Spec.Replicas; n-- {
					w.judgeRemoval(ctx, d.PodName(int(n)))
				}
				w.mu.Lock()
				w.replicas = *set.Spec.Replicas
				w.mu.Unlock()
			}
		}
	})
	w.done.Go(func() { w.watchVoters(ctx) })
	return w
}

func (w *Witness) judged() int32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.replicas
}

// Stop ends the watch when it has judged the StatefulSet as it is now, and fails the
// spec if a promise was broken. It returns the pods that had to go.
func (w *Witness) Stop() []string {
	ginkgo.GinkgoHelper()
	Within(w.ctx, Witnessed, func(g gomega.Gomega) {
		set, err := w.demo.StatefulSet(w.ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		g.Expect(w.judged()).To(gomega.Equal(*set.Spec.Replicas), "replicas of the StatefulSet that the witness has judged")
	})
	w.look(w.ctx) // a change can be over before the first second is
	w.stop()
	w.done.Wait()
	gomega.Expect(w.looks).NotTo(gomega.BeZero(), "the witness saw nothing")
	gomega.Expect(errors.Join(w.violations...)).NotTo(gomega.HaveOccurred(), "promises that were broken on the way")
	return w.lowered
}

func (w *Witness) violated(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.violations) < w.maxViolation {
		w.violations = append(w.violations, fmt.Errorf("%s: %w", time.Now().Format("15:04:05.000"), err))
	}
}

// judgeRemoval is called as soon as the StatefulSet no longer has a pod. Nothing
// can come back to the node after that, so whatever it or the others still know
// of its data was there before: the removal came too early.
func (w *Witness) judgeRemoval(ctx context.Context, pod string) {
	s, err := w.demo.NodeStatus(ctx, pod)
	switch {
	case err == nil && len(s.Replicas) > 0:
		w.violated(fmt.Errorf("%s has to go and still holds %d replicas", pod, len(s.Replicas)))
	case err == nil:
		w.saw(fmt.Sprintf("%s (held nothing)", pod))
	default:
		w.saw(fmt.Sprintf("%s (gone before it was asked)", pod))
	}
	view, err := w.demo.Look(ctx)
	if err != nil {
		return // the API server was busy: nothing is shown either way
	}
	for p, g := range view.Groups() {
		full := 0
		for _, v := range g.Config.Voters {
			if s != nil && v.Node == s.Node {
				w.violated(fmt.Errorf("%s has to go and is a voter of partition %d", pod, p))
			}
			if view.PodOf(v.Node) != pod {
				full++
			}
		}
		if full < w.voters {
			w.violated(fmt.Errorf("%s has to go and partition %d has %d voters without it, promised are %d", pod, p, full, w.voters))
		}
	}
}

func (w *Witness) saw(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lowered = append(w.lowered, what)
}

func (w *Witness) watchVoters(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look judges the voters of all partitions as they are now.
func (w *Witness) look(ctx context.Context) {
	zones, err := w.demo.zones(ctx)
	if err != nil {
		return
	}
	view, err := w.demo.Look(ctx)
	if err != nil {
		return
	}
	for p, g := range view.Groups() {
		w.judgeVoters(view, p, g, zones)
	}
	w.mu.Lock()
	w.looks++
	w.mu.Unlock()
}

func (w *Witness) judgeVoters(view *View, p uint32, g *cluster.ReplicaStatus, zones map[string]string) {
	if n := len(g.Config.Voters); n < w.voters {
		w.violated(fmt.Errorf("partition %d has %d voters, promised are %d", p, n, w.voters))
	}
	for _, v := range g.Config.Voters {
		if view.PodOf(v.Node) == "" {
			return // a node did not answer: its zone is not known
		}
	}
	want := min(w.voters, len(distinct(zones)))
	if got := view.zonesOf(g.Config.Voters, zones); len(got) < want {
		w.violated(fmt.Errorf("the voters of partition %d are in zones %v, promised are %d zones", p, got, want))
	}
}
