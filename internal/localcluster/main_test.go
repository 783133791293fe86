package localcluster

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/rpc"
)

// fakeNode in the environment makes the test binary play the part of kvnode: the
// supervisor is tested with real processes.
const fakeNode = "RINGKV_TEST_FAKE_NODE"

func TestMain(m *testing.M) {
	switch os.Getenv(fakeNode) {
	case "":
		os.Exit(m.Run())
	case "polite":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		fmt.Println("started", os.Args[1:])
		serveFake()
		<-stop
		fmt.Println("stopped")
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("started")
		select {}
	case "broken":
		fmt.Println("cannot work like this")
		os.Exit(3)
	}
}

// serveFake answers to the coordinator and to health checks, if the command line
// says where.
func serveFake() {
	flags := flag.NewFlagSet("kvnode", flag.ExitOnError)
	flags.String("dir", "", "")
	flags.String("zone", "", "")
	flags.String("bind", "", "")
	flags.String("drain-timeout", "", "")
	flags.String("resp-port", "", "")
	name := flags.String("name", "", "")
	peer := flags.String("peer-port", "", "")
	metrics := flags.String("metrics-port", "", "")
	if err := flags.Parse(os.Args[1:]); err != nil || *peer == "" {
		return
	}
	serve := func(port string, handler http.Handler) {
		fmt.Println(http.ListenAndServe("127.0.0.1:"+port, handler)) // ends with the process
	}
	go serve(*peer, rpc.NewHandler(fakeAdmin{name: *name}))
	go serve(*metrics, rpc.NewHealthHandler(fakeHealth{}, nil))
}

// fakeAdmin reports one replica of partition 0 with 7 keys; n1 leads it.
type fakeAdmin struct {
	cluster.Admin
	name string
}

func (f fakeAdmin) Status(context.Context) (*cluster.NodeStatus, error) {
	role := cluster.RoleFollower
	if f.name == "n1" {
		role = cluster.RoleLeader
	}
	return &cluster.NodeStatus{
		Node: cluster.NodeID("id-of-" + f.name), Name: f.name, ClusterID: "c1", LogBytes: 100,
		Replicas: []cluster.ReplicaStatus{{Partition: 0, ID: 1, Role: role, Term: 3, Keys: 7, Bytes: 70}},
	}, nil
}

type fakeHealth struct{}

func (fakeHealth) Healthy() bool         { return true }
func (fakeHealth) Ready() (bool, string) { return true, "" }
