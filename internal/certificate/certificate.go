// Package certificate serves TLS with certificates from files that somebody replaces
// while the process runs, as Kubernetes and cert-manager do.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// Files are in PEM.
type Files struct {
	Cert, Key string // required; Cert may hold intermediate certificates
	// ClientCA, if given, has the authorities of which clients must show a
	// certificate.
	ClientCA string
}

func (f Files) names() []string {
	if f.ClientCA == "" {
		return []string{f.Cert, f.Key}
	}
	return []string{f.Cert, f.Key, f.ClientCA}
}

// Source is what the files hold.
type Source struct {
	files  Files
	logger *slog.Logger

	mu      sync.Mutex
	config  *tls.Config // of what was last read with success; guarded by mu
	read    fingerprint // of what config is made from; guarded by mu
	refused fingerprint // of what was reported as unusable; guarded by mu
}

// fingerprint tells two states of the files apart.
type fingerprint [3]struct {
	modified time.Time
	size     int64
}

// Open reads the files. What cannot be used is an error now; later it is logged, and
// the certificate that was there before stays in use.
func Open(f Files, logger *slog.Logger) (*Source, error) {
	s := &Source{files: f, logger: logger}
	state, err := s.look()
	if err != nil {
		return nil, err
	}
	if s.config, err = s.load(); err != nil {
		return nil, err
	}
	s.read = state
	return s, nil
}

// Config returns a configuration of servers, under which every connection gets the
// certificate that is there when it begins.
func (s *Source) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current(), nil },
	}
}

// current returns the configuration of the newest files that can be used.
func (s *Source) current() *tls.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, err := s.look()
	if err == nil && state == s.read {
		return s.config
	}
	var config *tls.Config
	if err == nil {
		config, err = s.load()
	}
	switch {
	case err == nil:
		s.logger.Info("took a new certificate", "file", s.files.Cert)
		s.config, s.read = config, state
	case state != s.refused:
		// Perhaps the files are being replaced one after the other: the next
		// connection looks again.
		s.logger.Warn("cannot use the new certificate, keeping the old one", "error", err)
		s.refused = state
	}
	return s.config
}

// look returns the state of the files; of missing ones it is zero.
func (s *Source) look() (state fingerprint, err error) {
	for i, name := range s.files.names() {
		info, e := os.Stat(name)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		if info.Mode().Type() == fs.ModeDir {
			err = errors.Join(err, fmt.Errorf("%s is a directory, it should be a file in PEM", name))
		}
		state[i].modified, state[i].size = info.ModTime(), info.Size()
	}
	return state, err
}

func (s *Source) load() (*tls.Config, error) {
	var content PEM
	for i, name := range s.files.names() {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		*content.parts()[i] = b
	}
	config, err := content.Config()
	if err != nil {
		return nil, fmt.Errorf("use %s: %w", strings.Join(s.files.names(), ", "), err)
	}
	return config, nil
}

// PEM is what Files hold; ClientCA is nil if clients need no certificate.
type PEM struct{ Cert, Key, ClientCA []byte }

// parts are in the order of Files.names.
func (p *PEM) parts() []*[]byte { return []*[]byte{&p.Cert, &p.Key, &p.ClientCA} }

// Config returns what a server serves a connection with. What cannot be used is an
// error.
func (p PEM) Config() (*tls.Config, error) {
	certificate, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return nil, fmt.Errorf("the certificate and its key: %w", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	if p.ClientCA == nil {
		return config, nil
	}
	config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !config.ClientCAs.AppendCertsFromPEM(p.ClientCA) {
		return nil, errors.New("the authorities of clients: no certificate in PEM")
	}
	return config, nil
}
