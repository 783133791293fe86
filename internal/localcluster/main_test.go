package localcluster

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// TestMain makes the test binary play the part of kvnode when it is started with
// fakeNode in its environment: the supervisor is tested with real processes.
func TestMain(m *testing.M) {
	switch os.Getenv(fakeNode) {
	case "":
		os.Exit(m.Run())
	case "polite":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		fmt.Println("started", os.Args[1:])
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

const fakeNode = "RINGKV_TEST_FAKE_NODE"
