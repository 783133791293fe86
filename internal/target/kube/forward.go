package kube

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/target"
)

// Forwarder opens a way to a port of a pod. It returns where that begins on this
// machine, a channel that is closed when it ends, and a function that ends it.
type Forwarder func(ctx context.Context, pod string, port int) (address string, ended <-chan struct{}, stop func(), err error)

// PodForwarder goes through the API server, as kubectl port-forward does.
func PodForwarder(config *rest.Config, namespace string) Forwarder {
	return func(ctx context.Context, pod string, port int) (string, <-chan struct{}, func(), error) {
		dialer, err := podDialer(config, namespace, pod)
		if err != nil {
			return "", nil, nil, err
		}
		stop, ready, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
		// Port 0 takes any free one.
		forwarder, err := portforward.NewOnAddressesForStreaming(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, stop, ready, io.Discard, io.Discard)
		if err != nil {
			return "", nil, nil, err
		}
		failed := make(chan error, 1)
		go func() {
			defer close(ended)
			failed <- forwarder.ForwardPorts()
		}()
		select {
		case <-ctx.Done():
			close(stop)
			return "", nil, nil, ctx.Err()
		case err := <-failed:
			return "", nil, nil, fmt.Errorf("forward port %d of pod %s: %w", port, pod, err)
		case <-ready:
		}
		ports, err := forwarder.GetPorts()
		if err != nil {
			close(stop)
			return "", nil, nil, err
		}
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(ports[0].Local))), ended, func() { close(stop) }, nil
	}
}

// podDialer speaks SPDY over a WebSocket, and SPDY alone with API servers that do
// not know the former.
func podDialer(config *rest.Config, namespace, pod string) (httpstream.Dialer, error) {
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	url := clients.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	websocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, config)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(websocket, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

// portOf is a port of a pod.
type portOf struct {
	pod  string
	port int
}

// forward is an open way to a port.
type forward struct {
	address string
	ended   <-chan struct{}
	stop    func()
}

// portNumber is where the operator makes nodes listen.
func portNumber(port target.Port) (int, error) {
	switch port {
	case target.RESP:
		return objects.PortRESP, nil
	case target.ClusterRESP:
		return objects.PortCluster, nil
	case target.HTTP:
		return objects.PortHTTP, nil
	case target.Peer:
		return objects.PortPeer, nil
	case target.Metrics:
		return objects.PortMetrics, nil
	}
	return 0, fmt.Errorf("the pods of a KVCluster have no %s port", port)
}

// Address implements target.Target. The way stays open until Close or until the pod
// goes; then it is made anew.
func (k *Cluster) Address(ctx context.Context, node string, port target.Port) (string, error) {
	number, err := portNumber(port)
	if err != nil {
		return "", err
	}
	key := portOf{node, number}
	if f := k.alive(key); f != nil {
		return f.address, nil
	}
	address, ended, stop, err := k.forward(ctx, node, number)
	if err != nil {
		return "", err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if have := k.forwards[key]; have != nil { // somebody else was faster
		stop()
		return have.address, nil
	}
	k.forwards[key] = &forward{address, ended, stop}
	return address, nil
}

// alive returns the open way to a port, or nil, and forgets one that has ended.
func (k *Cluster) alive(key portOf) *forward {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.forwards[key]
	if f == nil {
		return nil
	}
	select {
	case <-f.ended:
		delete(k.forwards, key)
		return nil
	default:
		return f
	}
}
