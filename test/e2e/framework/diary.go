package framework

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// Diary notes how a KVCluster changes.
type Diary struct {
	stop    context.CancelFunc
	done    sync.WaitGroup
	entries []string // read after done
}

// StartDiary notes every change until Stop.
func (d *Demo) StartDiary(ctx context.Context) *Diary {
	ctx, stop := context.WithCancel(ctx)
	diary := &Diary{stop: stop}
	before, err := d.Get(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	events, err := d.env.Client.Watch(ctx, &v1alpha1.KVClusterList{}, client.InNamespace(Namespace),
		client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", d.Name)})
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "watch the KVCluster")
	diary.done.Go(func() {
		defer events.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case event, ok := <-events.ResultChan():
				if !ok {
					return
				}
				after, ok := event.Object.(*v1alpha1.KVCluster)
				if !ok || event.Type == watch.Added && after.ResourceVersion == before.ResourceVersion {
					continue
				}
				diary.entries = append(diary.entries, fmt.Sprintf("%s %s:\n%s", time.Now().Format("15:04:05.000"), event.Type, difference(before, after)))
				before = after
			}
		}
	})
	return diary
}

// Stop ends the diary and returns its entries.
func (d *Diary) Stop() []string {
	d.stop()
	d.done.Wait()
	return d.entries
}

// difference lists the lines of YAML that went and that came.
func difference(before, after *v1alpha1.KVCluster) string {
	lines := func(c *v1alpha1.KVCluster) []string {
		c = c.DeepCopy()
		c.ManagedFields = nil
		b, err := yaml.Marshal(c)
		if err != nil {
			return []string{err.Error()}
		}
		return strings.Split(string(b), "\n")
	}
	old, now := lines(before), lines(after)
	var out []string
	for _, l := range old {
		if !slices.Contains(now, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range now {
		if !slices.Contains(old, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}
