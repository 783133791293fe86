package objects

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares obj, as YAML, with testdata/NAME.golden.yaml.
func golden(t *testing.T, name string, obj any) {
	t.Helper()
	got, err := yaml.Marshal(obj)
	require.NoError(t, err)
	file := filepath.Join("testdata", name+".golden.yaml")
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run with -update if this is meant")
}

// plain is a KVCluster that sets nothing, as the API server completes it.
func plain() *v1alpha1.KVCluster {
	return &v1alpha1.KVCluster{
		ObjectMeta: metav1.ObjectMeta{Name: "demo", Namespace: "shop", UID: "11111111-2222-3333-4444-555555555555"},
		Spec: v1alpha1.KVClusterSpec{
			Nodes: 3, ReplicationFactor: 3, Partitions: 64, VirtualNodes: 128,
			Storage: v1alpha1.StorageSpec{Size: resource.MustParse("1Gi"), WhenScaled: v1alpha1.Delete, WhenDeleted: v1alpha1.Retain},
			Service: v1alpha1.ServiceSpec{Type: corev1.ServiceTypeClusterIP},
		},
	}
}

// rich is a KVCluster that sets all that has to do with objects.
func rich() *v1alpha1.KVCluster {
	c := plain()
	c.Spec.Nodes = 5
	c.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
	c.Spec.Storage.StorageClassName = ptr.To("fast")
	c.Spec.Storage.WhenDeleted = v1alpha1.Delete
	c.Spec.Resources = corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")},
	}
	c.Spec.PodLabels = map[string]string{"team": "shop"}
	c.Spec.PodAnnotations = map[string]string{"prometheus.io/scrape": "true"}
	c.Spec.Service = v1alpha1.ServiceSpec{
		Type:                     corev1.ServiceTypeLoadBalancer,
		Annotations:              map[string]string{"example.com/internal": "true"},
		Labels:                   map[string]string{"exposed": "yes"},
		LoadBalancerClass:        ptr.To("example.com/lb"),
		LoadBalancerSourceRanges: []string{"10.0.0.0/8"},
		ClusterAddress:           "$(POD_NAME).kv.example.com:6380",
		OutsideAddress:           "$(POD_NAME).outside.example.com:443",
	}
	c.Spec.TLS = &v1alpha1.TLSSpec{SecretName: "demo-tls", ClientAuth: v1alpha1.ClientAuthRequire}
	c.Spec.Placement = v1alpha1.PlacementSpec{
		NodeSelector:      map[string]string{"disk": "nvme"},
		Tolerations:       []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "kv", Effect: corev1.TaintEffectNoSchedule}},
		PriorityClassName: "high",
		Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				TopologyKey:   corev1.LabelHostname,
				LabelSelector: &metav1.LabelSelector{MatchLabels: SelectorLabels("demo")},
			}},
		}},
		TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule,
			LabelSelector: &metav1.LabelSelector{MatchLabels: SelectorLabels("demo")},
		}},
	}
	return c
}

func TestObjectsAreExactlyTheGoldenOnes(t *testing.T) {
	for name, c := range map[string]*v1alpha1.KVCluster{"plain": plain(), "rich": rich()} {
		t.Run(name, func(t *testing.T) {
			in := StatefulSetInput{Replicas: c.Spec.Nodes, Image: "ghcr.io/ringkv/ringkv:v1", TLS: c.Spec.TLS, VolumeSize: resource.MustParse("1Gi")}
			golden(t, name+"-statefulset", StatefulSet(c, in))
			golden(t, name+"-headless-service", HeadlessService(c))
			golden(t, name+"-client-service", ClientService(c))
			golden(t, name+"-disruption-budget", DisruptionBudget(c))
			golden(t, name+"-service-account", ServiceAccount(c))
		})
	}
}

func TestSettingsOfARunningClusterDoNotRestartPods(t *testing.T) {
	in := StatefulSetInput{Replicas: 3, Image: "image", VolumeSize: resource.MustParse("1Gi")}
	before := StatefulSet(plain(), in).Spec.Template
	c := plain()
	c.Generation = 7
	c.Spec.Nodes, c.Spec.ReplicationFactor, c.Spec.VirtualNodes = 9, 5, 64
	c.Spec.Reads, c.Spec.Sync = v1alpha1.ReadAny, v1alpha1.SyncInterval
	c.Spec.Compaction = v1alpha1.CompactionSpec{Operations: 1000, Bytes: resource.MustParse("1Mi")}
	c.Spec.Storage.Size = resource.MustParse("9Gi")
	c.Spec.Storage.WhenScaled, c.Spec.Storage.WhenDeleted = v1alpha1.Retain, v1alpha1.Delete
	c.Spec.Failover.OnQuorumLoss = v1alpha1.QuorumLossPromoteSurvivor
	c.Spec.Rebalance = v1alpha1.RebalanceSpec{MaxConcurrentMoves: 9, Paused: true}
	c.Spec.Service.Type = corev1.ServiceTypeNodePort
	in.Replicas = 9
	require.Equal(t, before, StatefulSet(c, in).Spec.Template)
}

func TestWhatAStatefulSetServesTLSWithIsReadBack(t *testing.T) {
	for _, tls := range []*v1alpha1.TLSSpec{
		nil,
		{SecretName: "demo-tls", ClientAuth: v1alpha1.ClientAuthNone},
		{SecretName: "demo.tls", ClientAuth: v1alpha1.ClientAuthRequire},
	} {
		live := convert[appsv1.StatefulSet](StatefulSet(rich(), StatefulSetInput{TLS: tls}))
		require.Equal(t, tls, TLSOf(live))
	}
}

func TestStatefulSetNeverDeletesVolumes(t *testing.T) {
	c := rich()
	c.Spec.Storage.WhenScaled, c.Spec.Storage.WhenDeleted = v1alpha1.Delete, v1alpha1.Delete
	p := StatefulSet(c, StatefulSetInput{}).Spec.PersistentVolumeClaimRetentionPolicy
	require.EqualValues(t, "Retain", *p.WhenScaled)
	require.EqualValues(t, "Retain", *p.WhenDeleted)
}

func TestASingleNodeHasNoBudgetThatBlocksItsDrain(t *testing.T) {
	c := plain()
	c.Spec.Nodes, c.Spec.ReplicationFactor = 1, 1
	require.Nil(t, DisruptionBudget(c))
	c.Spec.Nodes = 2
	require.NotNil(t, DisruptionBudget(c), "several nodes must not be drained at once even without copies")
}

func TestTheOperatorsLabelsWinOverTheUsers(t *testing.T) {
	c := plain()
	c.Spec.PodLabels = map[string]string{LabelInstance: "other", "mine": "yes"} // the schema refuses it, an old object may have it
	template := StatefulSet(c, StatefulSetInput{}).Spec.Template
	require.Equal(t, "demo", template.Labels[LabelInstance])
	require.Equal(t, "yes", template.Labels["mine"])
	require.Equal(t, map[string]string{LabelInstance: "other", "mine": "yes"}, c.Spec.PodLabels, "the input is not changed")
}

func TestOrdinalsAreReadFromExactNamesOnly(t *testing.T) {
	for _, bad := range []string{"demo", "demo-", "demo-x", "demo--1", "demo-01", "demo-1-2", "other-1", "demo-1 ", "demo-+1", "demos-1"} {
		_, ok := Ordinal("demo", bad)
		require.False(t, ok, bad)
	}
	n, ok := Ordinal("demo", PodName("demo", 12))
	require.True(t, ok)
	require.Equal(t, 12, n)
	n, ok = ClaimOrdinal("demo-1", ClaimName("demo-1", 3))
	require.True(t, ok)
	require.Equal(t, 3, n)
	_, ok = ClaimOrdinal("demo", ClaimName("demo-1", 3))
	require.False(t, ok, "a cluster called demo-1 is not the cluster demo")
	_, ok = ClaimOrdinal("demo", "logs-demo-1")
	require.False(t, ok)
}
