package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func TestSnapshotArrivesWhole(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	body := bytes.Repeat([]byte("state "), 500_000)
	b.onSnapshot(func(_ context.Context, from cluster.NodeID, h SnapshotHeader, r io.Reader) error {
		require.Equal(t, a.id, from)
		require.Equal(t, testHeader, h)
		got, err := io.ReadAll(r)
		require.True(t, bytes.Equal(body, got))
		return err
	})
	require.NoError(t, a.SendSnapshot(t.Context(), b.id, testHeader, bytes.NewReader(body)))
	require.EqualValues(t, 1, a.Stats().SnapshotsSent)
	require.EqualValues(t, len(body), a.Stats().SnapshotBytesSent)
	require.EqualValues(t, 1, b.Stats().SnapshotsReceived)
}

func TestSnapshotErrorOfTheReceiverReachesTheSender(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	for name, read := range map[string]int64{"before it reads": 0, "in the middle": 10 << 20, "at the end": 1 << 40} {
		t.Run(name, func(t *testing.T) {
			b.onSnapshot(func(_ context.Context, _ cluster.NodeID, _ SnapshotHeader, r io.Reader) error {
				if _, err := io.Copy(io.Discard, io.LimitReader(r, read)); err != nil {
					return err
				}
				return errors.New("partition 5: no such replica")
			})
			err := a.SendSnapshot(t.Context(), b.id, testHeader, io.LimitReader(zeros{}, 30<<20))
			require.ErrorContains(t, err, "partition 5: no such replica")
			require.NotErrorIs(t, err, ErrBusy)
		})
	}
	require.EqualValues(t, 3, a.Stats().SnapshotsSendFailed)
	require.EqualValues(t, 3, b.Stats().SnapshotsReceiveFailed)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestSnapshotThatWasNotReadToItsEndFails(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	read := func(n int64) func(context.Context, cluster.NodeID, SnapshotHeader, io.Reader) error {
		return func(_ context.Context, _ cluster.NodeID, _ SnapshotHeader, r io.Reader) error {
			_, err := io.CopyN(io.Discard, r, n)
			return err
		}
	}
	b.onSnapshot(read(999))
	err := a.SendSnapshot(t.Context(), b.id, testHeader, bytes.NewReader(make([]byte, 1000)))
	require.ErrorContains(t, err, "not read to a good end")
	b.onSnapshot(read(1000)) // all bytes, but not the io.EOF
	require.NoError(t, a.SendSnapshot(t.Context(), b.id, testHeader, bytes.NewReader(make([]byte, 1000))))
}

func TestSnapshotErrorOfTheSourceReachesBothSides(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	received := make(chan error, 1)
	b.onSnapshot(func(_ context.Context, _ cluster.NodeID, _ SnapshotHeader, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		received <- err
		return err
	})
	broken := errors.New("disk on fire")
	err := a.SendSnapshot(t.Context(), b.id, testHeader, io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.Error(t, <-received)
}

func TestSnapshotsBeyondTheCapAreAskedToComeLater(t *testing.T) {
	for name, limits := range map[string]struct{ out, in int }{"by the sender": {2, 10}, "by the receiver": {10, 2}} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			a, b := pair(t, func(c *Config) { c.Limits.SnapshotsOut, c.Limits.SnapshotsIn = limits.out, limits.in })
			release, arrived := make(chan struct{}), make(chan struct{}, 2)
			b.onSnapshot(func(_ context.Context, _ cluster.NodeID, _ SnapshotHeader, r io.Reader) error {
				arrived <- struct{}{}
				<-release
				_, err := io.Copy(io.Discard, r)
				return err
			})
			done := make(chan error, 2)
			for range 2 {
				go func() { done <- a.SendSnapshot(t.Context(), b.id, testHeader, bytes.NewReader(nil)) }()
				<-arrived
			}
			touched := false
			body := readerFunc(func([]byte) (int, error) { touched = true; return 0, io.EOF })
			require.ErrorIs(t, a.SendSnapshot(t.Context(), b.id, testHeader, body), ErrBusy)
			require.False(t, touched, "the refusal came before the body went")
			close(release)
			require.NoError(t, <-done)
			require.NoError(t, <-done)
			go func() { <-arrived }()
			require.Eventually(t, func() bool {
				return a.SendSnapshot(t.Context(), b.id, testHeader, bytes.NewReader(nil)) == nil
			}, within, time.Millisecond)
		})
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestSnapshotRateIsSharedAndCanChange(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	b.onSnapshot(func(_ context.Context, _ cluster.NodeID, _ SnapshotHeader, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
	send := func(n int64) chan error {
		done := make(chan error, 1)
		go func() { done <- a.SendSnapshot(t.Context(), b.id, testHeader, io.LimitReader(zeros{}, n)) }()
		return done
	}
	a.SetSnapshotRate(8 << 20)
	start := time.Now()
	first, second := send(2<<20), send(2<<20)
	require.NoError(t, <-first)
	require.NoError(t, <-second)
	// 4 MiB at 8 MiB/s, less the burst of a tenth of a second.
	require.GreaterOrEqual(t, time.Since(start), 400*time.Millisecond-time.Millisecond)

	a.SetSnapshotRate(1) // counts as 64 KiB/s: 100 MiB would take half an hour
	third := send(100 << 20)
	require.Eventually(t, func() bool { return a.Stats().SnapshotsSending == 1 }, within, time.Millisecond)
	a.SetSnapshotRate(0)
	select {
	case err := <-third:
		require.NoError(t, err)
	case <-time.After(within):
		t.Fatal("a stream that waits does not see the new rate")
	}
}

func TestSnapshotEndsWithItsContext(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	received, begun := make(chan error, 1), make(chan struct{})
	b.onSnapshot(func(ctx context.Context, _ cluster.NodeID, _ SnapshotHeader, r io.Reader) error {
		close(begun)
		_, err := io.Copy(io.Discard, r)
		received <- err
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	require.ErrorIs(t, a.SendSnapshot(ctx, b.id, testHeader, zeros{}), context.Canceled)
	require.Error(t, <-received)
}

func TestCloseEndsSnapshotsOnBothSides(t *testing.T) {
	for _, name := range []string{"sender", "receiver"} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			a, b := pair(t)
			received, begun := make(chan error, 1), make(chan struct{})
			b.onSnapshot(func(ctx context.Context, _ cluster.NodeID, _ SnapshotHeader, r io.Reader) error {
				close(begun)
				_, err := io.Copy(io.Discard, r)
				<-ctx.Done()
				received <- err
				return err
			})
			sent := make(chan error, 1)
			a.SetSnapshotRate(1)
			go func() { sent <- a.SendSnapshot(context.Background(), b.id, testHeader, zeros{}) }()
			<-begun
			if name == "sender" {
				a.Close()
				require.ErrorIs(t, <-sent, ErrClosed)
				require.Error(t, <-received)
			} else {
				b.Close()
				require.ErrorIs(t, <-received, ErrClosed)
				require.Error(t, <-sent)
			}
			require.Error(t, a.SendSnapshot(t.Context(), b.id, testHeader, zeros{}))
		})
	}
}

func TestSnapshotsAreRefusedLikeStreams(t *testing.T) {
	checkLeaks(t)
	a, b := newTestNode(t, 1), newTestNode(t, 2, inCluster("fedcba9876543210"))
	require.ErrorIs(t, a.SendSnapshot(t.Context(), b.id, testHeader, zeros{}), ErrNotConnected)
	a.SetPeers(map[cluster.NodeID]string{b.id: b.address()})
	err := a.SendSnapshot(t.Context(), b.id, testHeader, zeros{})
	require.ErrorContains(t, err, "this node belongs to cluster fedcba9876543210")

	resp, err := http.Get("http://" + b.address() + snapshotPath)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	http.DefaultClient.CloseIdleConnections()
}

func TestStalledSnapshotIsGivenUp(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t, func(c *Config) { c.Timing.SnapshotStall = 2 * time.Second })
	received := make(chan error, 1)
	b.onSnapshot(func(_ context.Context, _ cluster.NodeID, _ SnapshotHeader, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		received <- err
		return err
	})
	body, w := io.Pipe()
	sent := make(chan error, 1)
	go func() { sent <- a.SendSnapshot(t.Context(), b.id, testHeader, body) }()
	t.Cleanup(func() { w.Close() })
	require.ErrorIs(t, <-received, os.ErrDeadlineExceeded)
	require.NoError(t, w.Close())
	require.Error(t, <-sent)
}
