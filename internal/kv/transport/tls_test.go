package transport

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// selfSigned returns a certificate for a host name and the pool that trusts it.
func selfSigned(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// Streams and snapshots work over mutual TLS when the listener and Config.TLS say
// so, and a client without a certificate does not get through.
func TestTLSFitsBetweenTheNodes(t *testing.T) {
	checkLeaks(t)
	certificate, pool := selfSigned(t, "localhost")
	secure := func(c *Config) {
		c.TLS = &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}}
		c.Timing.DialTimeout, c.Timing.HandshakeTimeout = within, within
	}
	a, b := newTestNode(t, 1, secure), newTestNode(t, 2, secure)
	addresses := map[cluster.NodeID]string{}
	for _, n := range []*testNode{a, b} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		listener = tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		})
		n.served.Go(func() { _ = n.server.Serve(listener) })
		_, port := splitAddress(t, listener.Addr().String())
		addresses[n.id] = net.JoinHostPort("localhost", port)
	}
	a.SetPeers(addresses)
	b.SetPeers(addresses)
	a.waitLinked(b)
	b.waitLinked(a)

	a.Send(b.id, []Message{heartbeat(1), appendMessage(2, 3, 100_000)})
	b.waitFor("messages", func() bool { return len(b.raft) == 2 })
	b.onSnapshot(func(_ context.Context, _ cluster.NodeID, _ SnapshotHeader, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
	require.NoError(t, a.SendSnapshot(t.Context(), b.id, testHeader, bytes.NewReader(make([]byte, 1<<20))))

	stranger := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true,
	}}
	resp, err := stranger.Get("https://" + addresses[b.id] + streamPath)
	if err == nil {
		resp.Body.Close()
	}
	require.Error(t, err)
}
