package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/redis/go-redis/v9"

	"github.com/ringkv/ringkv/test/e2e/framework"
)

// connecting is every other way to the data: Redis Cluster, HTTP, kvctl.
func connecting() {
	It("serves cluster clients, HTTP and kubectl kv", Label("clients"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)

		framework.Say("a client of Redis Cluster, by the names that the nodes announce")
		addresses := map[string]string{}
		for i := range 3 {
			address, stop, err := env.PortForward(ctx, "pod/"+demo.PodName(i), 6380)
			Expect(err).NotTo(HaveOccurred())
			defer stop()
			addresses[fmt.Sprintf("%s.%s-nodes.%s.svc:6380", demo.PodName(i), demo.Name, framework.Namespace)] = address
		}
		var names []string
		for name := range addresses {
			names = append(names, name)
		}
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: names,
			Dialer: func(ctx context.Context, network, name string) (net.Conn, error) {
				address, ok := addresses[name]
				if !ok {
					return nil, fmt.Errorf("the cluster names %q, which is none of its pods", name)
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}})
		defer client.Close()
		for i := range 50 {
			Expect(client.Set(ctx, fmt.Sprintf("cluster:%d", i), i, 0).Err()).To(Succeed())
			Expect(client.Get(ctx, fmt.Sprintf("cluster:%d", i)).Int()).To(Equal(i))
		}
		for i := range 50 {
			Expect(client.Del(ctx, fmt.Sprintf("cluster:%d", i)).Result()).To(BeEquivalentTo(1))
		}

		framework.Say("the same from inside of Kubernetes, through the Service's name")
		out, err := env.Kubectl(ctx, "--namespace", framework.Namespace, "exec", demo.PodName(0), "--",
			"kvctl", "bench", "--quiet", "--count", "500", "--keys", "100", "--connections", "4", "--prefix", "bench:",
			fmt.Sprintf("%s.%s.svc:6379", demo.Name, framework.Namespace))
		Expect(err).NotTo(HaveOccurred(), out)

		framework.Say("curl")
		address, stop, err := env.PortForward(ctx, "service/"+demo.Name, 8080)
		Expect(err).NotTo(HaveOccurred())
		defer stop()
		url := "http://" + address + "/v1/keys/from/http"
		status, _ := call(ctx, http.MethodPut, url, "hello")
		Expect(status).To(Equal(http.StatusOK))
		status, body := call(ctx, http.MethodGet, url, "")
		Expect(status).To(Equal(http.StatusOK))
		Expect(body).To(Equal("hello"))
		status, _ = call(ctx, http.MethodDelete, url, "")
		Expect(status).To(Equal(http.StatusOK))

		framework.Say("kubectl kv put, get, plan, doctor")
		Expect(kvctl(ctx, demo, "put", "from:kvctl", "123")).To(ContainSubstring(demo.PodName(0)), "who holds the key")
		Expect(kvctl(ctx, demo, "get", "from:kvctl")).To(ContainSubstring("123"))
		Expect(kvctl(ctx, demo, "del", "from:kvctl")).NotTo(BeEmpty())
		Expect(kvctl(ctx, demo, "plan", "--nodes", "5")).To(ContainSubstring("move"))
		Expect(demo.Current(ctx).Spec.Nodes).To(BeEquivalentTo(3), "a plan changes nothing")
		Expect(kvctl(ctx, demo, "doctor")).NotTo(BeEmpty())
	}, SpecTimeout(4*time.Minute))
}

// kvctl runs kvctl on the demo and returns what it prints.
func kvctl(ctx context.Context, demo *framework.Demo, args ...string) string {
	GinkgoHelper()
	out, err := env.Kvctl(ctx, append([]string{"--namespace", framework.Namespace, "--cluster", demo.Name}, args...)...)
	Expect(err).NotTo(HaveOccurred(), out)
	return out
}

func call(ctx context.Context, method, url, body string) (status int, answer string) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return response.StatusCode, string(b)
}
