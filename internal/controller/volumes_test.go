package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

func TestAVolumeGoesOnlyAfterItsMarkAndItsPod(t *testing.T) {
	empty, full := &departure{ordinal: 3, empty: true}, &departure{ordinal: 3}
	for name, c := range map[string]struct {
		in   claimState
		want claimAction
	}{
		"in use":                             {claimState{ordinal: 1, replicas: 3, live: 3, policy: v1alpha1.Delete}, claimKeep},
		"proven empty":                       {claimState{ordinal: 3, replicas: 3, live: 4, policy: v1alpha1.Delete, leaves: empty}, claimMark},
		"proven empty, and to be kept":       {claimState{ordinal: 3, replicas: 3, live: 4, policy: v1alpha1.Retain, leaves: empty}, claimKeep},
		"may go, but not proven empty":       {claimState{ordinal: 3, replicas: 3, live: 4, policy: v1alpha1.Delete, leaves: full}, claimKeep},
		"no proof at all":                    {claimState{ordinal: 3, replicas: 3, live: 3, podGone: true, policy: v1alpha1.Delete}, claimKeep},
		"marked, the set is not smaller yet": {claimState{ordinal: 3, replicas: 3, live: 4, marked: true, podGone: true, policy: v1alpha1.Delete}, claimKeep},
		"marked, the pod is still there":     {claimState{ordinal: 3, replicas: 3, live: 3, marked: true, policy: v1alpha1.Delete}, claimKeep},
		"marked, all is gone":                {claimState{ordinal: 3, replicas: 3, live: 3, marked: true, podGone: true, policy: v1alpha1.Delete}, claimDelete},
		"marked under an earlier policy":     {claimState{ordinal: 3, replicas: 3, live: 3, marked: true, podGone: true, policy: v1alpha1.Retain}, claimDelete},
		"kept under an earlier policy":       {claimState{ordinal: 3, replicas: 3, live: 3, podGone: true, policy: v1alpha1.Delete}, claimKeep},
		"marked, wanted again":               {claimState{ordinal: 3, replicas: 4, live: 3, marked: true, podGone: true, policy: v1alpha1.Delete}, claimUnmark},
		"marked, a member again":             {claimState{ordinal: 3, replicas: 3, live: 3, marked: true, podGone: true, member: true, policy: v1alpha1.Delete}, claimUnmark},
		"a member is never marked":           {claimState{ordinal: 3, replicas: 3, live: 4, member: true, leaves: empty, policy: v1alpha1.Delete}, claimKeep},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, decideClaim(c.in)) })
	}
}

func TestAVolumeGrowsAndNeverShrinks(t *testing.T) {
	claim := func(asked, has, volume string) *corev1.PersistentVolumeClaim {
		c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data-demo-0"}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: volume}}
		c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(asked)}
		c.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(has)}
		return c
	}
	two := resource.MustParse("2Gi")
	require.Equal(t, growth{}, decideGrowth(claim("2Gi", "2Gi", "pv"), two, false), "as wanted")
	require.Equal(t, growth{}, decideGrowth(claim("2048Mi", "2Gi", "pv"), two, false), "as wanted, said differently")
	require.Equal(t, growth{}, decideGrowth(claim("1Gi", "0", ""), two, true), "no volume yet")
	require.Equal(t, growth{grow: true, waiting: "data-demo-0 grows from 1Gi to 2Gi"}, decideGrowth(claim("1Gi", "1Gi", "pv"), two, true))
	require.Equal(t, growth{waiting: "data-demo-0 grows from 1Gi to 2Gi"}, decideGrowth(claim("2Gi", "1Gi", "pv"), two, true), "asked for already")
	require.Contains(t, decideGrowth(claim("1Gi", "1Gi", "pv"), two, false).refused, "does not allow volume expansion")
	require.Contains(t, decideGrowth(claim("4Gi", "4Gi", "pv"), two, true).refused, "cannot be made smaller")
	require.Equal(t, growth{}, decideGrowth(claim("2Gi", "3Gi", "pv"), two, true), "a provisioner may give more")
}
