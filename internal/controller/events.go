package controller

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// tellStory makes events of the turning points that the coordinator reports.
func (r *Reconciler) tellStory(s *scope, plane *coordinator.Result) {
	for _, e := range plane.Events {
		eventType := corev1.EventTypeNormal
		if e.Reason == "MemberLost" {
			eventType = corev1.EventTypeWarning
		}
		r.event(s, eventType, e.Reason, "Coordinate", "%s", e.Message)
	}
}

// tellTransitions makes events of conditions that changed.
func (r *Reconciler) tellTransitions(s *scope, before, after []metav1.Condition) {
	good := map[string]metav1.ConditionStatus{
		v1alpha1.ConditionAvailable: metav1.ConditionTrue, v1alpha1.ConditionRebalanced: metav1.ConditionTrue,
		v1alpha1.ConditionDegraded: metav1.ConditionFalse,
	}
	for _, c := range after {
		wanted, told := good[c.Type]
		was := meta.FindStatusCondition(before, c.Type)
		if !told || was != nil && was.Status == c.Status && was.Reason == c.Reason {
			continue
		}
		eventType := corev1.EventTypeNormal
		if c.Status != wanted && (c.Type != v1alpha1.ConditionRebalanced || c.Status == metav1.ConditionUnknown) && c.Reason != reasonStarting && c.Reason != reasonDeleting {
			eventType = corev1.EventTypeWarning
		}
		if was != nil && was.Status == c.Status && c.Status == wanted || c.Reason == reasonStarting && c.Type != v1alpha1.ConditionAvailable {
			continue // still as it should be, or told by another condition
		}
		r.event(s, eventType, c.Reason, c.Type, "%s is %s: %s", c.Type, c.Status, c.Message)
	}
}

// event tells the story of the KVCluster.
func (r *Reconciler) event(s *scope, eventType, reason, action, format string, args ...any) {
	const longest = 1024 // the API's bound
	note := fmt.Sprintf(format, args...)
	if len(note) > longest {
		note = strings.ToValidUTF8(note[:longest-3], "") + "..."
	}
	r.Events.Eventf(s.kvc, nil, eventType, reason, action, "%s", note)
}
