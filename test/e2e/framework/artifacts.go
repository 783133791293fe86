package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var unfitForFiles = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// Collect writes what tells about a failure into a folder of its own below
// Artifacts, and returns the folder. What cannot be had is told in its file.
func (e *Environment) Collect(ctx context.Context, name string, demo *Demo) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	folder := filepath.Join(e.Artifacts, unfitForFiles.ReplaceAllString(name, "_"))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	c := &collection{folder: folder}
	for _, namespace := range []string{Namespace, OperatorNamespace} {
		c.command(ctx, e, namespace+"-objects.txt", "--namespace", namespace, "get", "all,kvclusters,pvc,pdb,configmaps,leases", "--output", "wide")
		c.command(ctx, e, namespace+"-events.txt", "--namespace", namespace, "get", "events", "--sort-by=.lastTimestamp")
		c.command(ctx, e, namespace+"-pods.txt", "--namespace", namespace, "describe", "pods")
		c.logs(ctx, e, namespace)
	}
	c.command(ctx, e, "kvclusters.yaml", "--namespace", Namespace, "get", "kvclusters,statefulsets", "--output", "yaml")
	c.command(ctx, e, "machines.txt", "describe", "nodes")
	if demo != nil {
		c.nodes(ctx, demo)
	}
	return folder, c.err
}

// collection keeps the first error; the rest is collected all the same.
type collection struct {
	folder string
	err    error
}

func (c *collection) write(name string, content []byte) {
	if err := os.WriteFile(filepath.Join(c.folder, name), content, 0o644); err != nil && c.err == nil {
		c.err = err
	}
}

func (c *collection) command(ctx context.Context, e *Environment, file string, args ...string) {
	out, err := e.Kubectl(ctx, args...)
	if err != nil {
		out = err.Error()
	}
	c.write(file, []byte(out))
}

// logs of every container, and of its run before that if it was restarted.
func (c *collection) logs(ctx context.Context, e *Environment, namespace string) {
	var pods corev1.PodList
	if err := e.Client.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		c.write(namespace+"-logs.txt", []byte(err.Error()))
		return
	}
	for _, p := range pods.Items {
		c.command(ctx, e, p.Name+".log", "--namespace", namespace, "logs", p.Name)
		for _, s := range p.Status.ContainerStatuses {
			if s.RestartCount > 0 {
				c.command(ctx, e, p.Name+".before.log", "--namespace", namespace, "logs", p.Name, "--previous")
			}
		}
	}
}

// nodes writes what each node says of itself, and what the load has seen.
func (c *collection) nodes(ctx context.Context, d *Demo) {
	view, err := d.Look(ctx)
	if err != nil {
		c.write("nodes.txt", []byte(err.Error()))
		return
	}
	for pod, status := range view.Statuses {
		c.json(pod+".status.json", status)
	}
	for pod, err := range view.Errors {
		c.write(pod+".status.json", []byte(err.Error()))
	}
	if d.Load == nil {
		return
	}
	if s, err := d.Load.Stats(ctx); err != nil {
		c.write("load.json", []byte(err.Error()))
	} else {
		c.json("load.json", s)
	}
}

func (c *collection) json(name string, value any) {
	b, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		b = fmt.Appendf(nil, "%v", err)
	}
	c.write(name, b)
}
