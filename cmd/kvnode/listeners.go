package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/ringkv/ringkv/internal/certificate"
)

// listeners are the open ports; those that were not asked for are nil.
type listeners struct {
	resp, cluster, http, peer, metrics net.Listener
	outside, respTLS, clusterTLS       net.Listener
}

func (l *listeners) close() {
	for _, x := range []net.Listener{l.resp, l.cluster, l.http, l.peer, l.metrics, l.outside, l.respTLS, l.clusterTLS} {
		if x != nil {
			_ = x.Close() // usually closed by its server already
		}
	}
}

func (f *flags) listen() (*listeners, error) {
	l := &listeners{}
	secure := f.tls.Cert != ""
	for _, x := range []struct {
		to     *net.Listener
		port   int
		name   string
		wanted bool
	}{{&l.resp, f.respPort, "resp", true}, {&l.cluster, f.clusterPort, "cluster", true}, {&l.http, f.httpPort, "http", true},
		{&l.peer, f.peerPort, "peer", true}, {&l.metrics, f.metricsPort, "metrics", true}, {&l.outside, f.outsidePort, "outside", f.announceOutside != ""},
		{&l.respTLS, f.respTLSPort, "resp-tls", secure}, {&l.clusterTLS, f.clusterTLSPort, "cluster-tls", secure}} {
		if !x.wanted {
			continue
		}
		var err error
		if *x.to, err = net.Listen("tcp", net.JoinHostPort(f.bind, strconv.Itoa(x.port))); err != nil {
			l.close()
			return nil, fmt.Errorf("open the %s port: %w", x.name, err)
		}
	}
	return l, nil
}

// secure makes the TLS ports, and the outside port, speak TLS. Shaking hands is the
// connection's own business, so a slow client holds nobody up.
func (l *listeners) secure(files certificate.Files, logger *slog.Logger) error {
	source, err := certificate.Open(files, logger)
	if err != nil {
		return err
	}
	for _, x := range []*net.Listener{&l.outside, &l.respTLS, &l.clusterTLS} {
		if *x != nil {
			*x = tls.NewListener(*x, source.Config())
		}
	}
	return nil
}

// advertised returns the address under which others reach a listener; none if it is nil.
func (f *flags) advertised(l net.Listener) string {
	if l == nil {
		return ""
	}
	return net.JoinHostPort(f.advertiseHost, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

// announced returns the address that clients of Redis Cluster are given.
func (f *flags) announced(l net.Listener) string {
	if f.announceCluster != "" {
		return f.announceCluster
	}
	return f.advertised(l)
}

// announcedOutside returns the address that those are given who come in on the outside
// port; none if it is nil.
func (f *flags) announcedOutside(l net.Listener) string {
	if l == nil {
		return ""
	}
	return withPort(f.announceOutside, l.Addr().(*net.TCPAddr).Port)
}
