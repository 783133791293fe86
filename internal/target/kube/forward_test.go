package kube

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/ringkv/ringkv/internal/respclient"
)

// apiServer forwards ports as an API server and a kubelet do together, to a server
// on this machine. It knows one pod, and no WebSockets.
func apiServer(t *testing.T, backend string) (config *rest.Config, paths chan string) {
	paths = make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "websocket" {
			http.Error(w, "no WebSockets here", http.StatusBadRequest)
			return
		}
		if !strings.Contains(r.URL.Path, "/demo-0/") {
			http.Error(w, `pods "demo-9" not found`, http.StatusNotFound)
			return
		}
		paths <- r.URL.Path
		if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
			return
		}
		conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(stream httpstream.Stream, replied <-chan struct{}) error {
			go forwardStream(stream, replied, backend)
			return nil
		})
		if conn != nil {
			<-conn.CloseChan()
		}
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL}, paths
}

// forwardStream connects one data stream; the errors go unused.
func forwardStream(stream httpstream.Stream, replied <-chan struct{}, backend string) {
	<-replied
	if stream.Headers().Get(corev1.StreamType) != corev1.StreamTypeData || stream.Headers().Get(corev1.PortHeader) != "6379" {
		stream.Close()
		return
	}
	conn, err := net.Dial("tcp", backend)
	if err != nil {
		_ = stream.Reset() // the client sees its connection break
		return
	}
	go func() {
		_, _ = io.Copy(conn, stream) // until either side ends
		conn.Close()
	}()
	_, _ = io.Copy(stream, conn)
	stream.Close()
}

// pong answers each line with +PONG.
func pong(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 1024)
				for {
					if _, err := conn.Read(buffer); err != nil {
						return
					}
					if _, err := io.WriteString(conn, "+PONG\r\n"); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func TestAPortOfAPodIsReachedThroughTheAPIServer(t *testing.T) {
	config, paths := apiServer(t, pong(t))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	address, ended, stop, err := PodForwarder(config, "shop")(ctx, "demo-0", 6379)
	require.NoError(t, err)
	require.Equal(t, "/api/v1/namespaces/shop/pods/demo-0/portforward", <-paths)
	for range 2 { // two connections over one way
		conn, err := respclient.Dial(ctx, address)
		require.NoError(t, err)
		for range 3 {
			reply, err := conn.Do(ctx, "PING")
			require.NoError(t, err)
			require.Equal(t, "PONG", string(reply.Text))
		}
		require.NoError(t, conn.Close())
	}
	stop()
	select {
	case <-ended:
	case <-ctx.Done():
		t.Fatal("the way does not end")
	}
	_, err = respclient.Dial(ctx, address)
	require.Error(t, err, "nothing listens there any more")
}

func TestAPodThatIsNotThereIsAnError(t *testing.T) {
	config, _ := apiServer(t, "127.0.0.1:1")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, _, _, err := PodForwarder(config, "shop")(ctx, "demo-9", 6379)
	require.ErrorContains(t, err, "demo-9")
}
