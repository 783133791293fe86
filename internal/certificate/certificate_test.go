package certificate_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/certificate"
	"github.com/ringkv/ringkv/internal/certificate/certtest"
)

// serve answers every connection that shakes hands with one byte.
func serve(t *testing.T, source *certificate.Source) (address string) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", source.Config())
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte{1}) // the client looks whether it came
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-ended
	})
	return l.Addr().String()
}

// served returns the name in the certificate that a server shows.
func served(address string, config *tls.Config) (name string, err error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 30 * time.Second}, "tcp", address, config)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return "", err
	}
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func TestANewCertificateIsServedWithoutARestart(t *testing.T) {
	authority, err := certtest.NewAuthority()
	require.NoError(t, err)
	dir := t.TempDir()
	files, err := authority.Write(dir, "first", "127.0.0.1")
	require.NoError(t, err)
	files.ClientCA = ""
	var log bytes.Buffer
	source, err := certificate.Open(files, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	address := serve(t, source)
	trusting := &tls.Config{RootCAs: authority.Pool()}
	requireServed := func(want string) {
		t.Helper()
		name, err := served(address, trusting)
		require.NoError(t, err)
		require.Equal(t, want, name)
	}
	requireServed("first")

	old, err := os.ReadFile(files.Key)
	require.NoError(t, err)
	_, err = authority.Write(dir, "the second one", "127.0.0.1")
	require.NoError(t, err)
	good, err := os.ReadFile(files.Key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files.Key, old, 0o600))
	requireServed("first") // until the key is that of the certificate
	requireServed("first")
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("keeping the old one")), "%s", &log)
	require.NoError(t, os.WriteFile(files.Key, good, 0o600))
	requireServed("the second one")

	require.NoError(t, os.Remove(files.Cert))
	requireServed("the second one")
	_, err = authority.Write(dir, "third", "127.0.0.1")
	require.NoError(t, err)
	requireServed("third")
}

func TestClientsMustShowACertificateOfTheAuthority(t *testing.T) {
	authority, err := certtest.NewAuthority()
	require.NoError(t, err)
	stranger, err := certtest.NewAuthority()
	require.NoError(t, err)
	files, err := authority.Write(t.TempDir(), "server", "127.0.0.1")
	require.NoError(t, err)
	source, err := certificate.Open(files, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	address := serve(t, source)

	_, err = served(address, &tls.Config{RootCAs: authority.Pool()})
	require.ErrorContains(t, err, "certificate required")
	wrong, err := stranger.Issue("client")
	require.NoError(t, err)
	_, err = served(address, &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{wrong}})
	require.Error(t, err)
	right, err := authority.Issue("client")
	require.NoError(t, err)
	_, err = served(address, &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{right}})
	require.NoError(t, err)
}

func TestFilesThatCannotBeUsedAreNamed(t *testing.T) {
	authority, err := certtest.NewAuthority()
	require.NoError(t, err)
	dir := t.TempDir()
	files, err := authority.Write(dir, "server", "127.0.0.1")
	require.NoError(t, err)
	for name, change := range map[string]func(*certificate.Files){
		"none.crt": func(f *certificate.Files) { f.Cert = dir + "/none.crt" },
		"tls.key":  func(f *certificate.Files) { f.Cert = f.ClientCA }, // not of this key
		dir:        func(f *certificate.Files) { f.Key = dir },
		"ca.crt":   func(f *certificate.Files) { require.NoError(t, os.WriteFile(f.ClientCA, []byte("none"), 0o600)) },
	} {
		bad := files
		change(&bad)
		_, err = certificate.Open(bad, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, name)
		_, err = authority.Write(dir, "server", "127.0.0.1")
		require.NoError(t, err)
	}
}
