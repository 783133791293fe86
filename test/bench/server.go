package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ringkv/ringkv/internal/respclient"
)

// server is a running store.
type server interface {
	// addresses are where its clients connect.
	addresses() []string
	pids() ([]int, error)
	// stop ends it and waits for its end; its data stay.
	stop()
}

// startTimeout is how long a store may take until it serves.
const startTimeout = 2 * time.Minute

// await calls ready until it returns no error.
func await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// answers returns no error if a Redis server has the key.
func answers(ctx context.Context, address, key string) error {
	conn, err := respclient.Dial(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	reply, err := conn.Do(ctx, "GET", key)
	if err == nil && reply.Null {
		err = fmt.Errorf("%s has no key %s", address, key)
	}
	return err
}

// freeAddress returns an address of this machine that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// emptyDir returns a folder for data with nothing in it.
func (r *run) emptyDir(name string) (string, error) {
	dir := filepath.Join(r.dir, "data", name)
	return dir, os.RemoveAll(dir)
}

// redisServer is one redis-server.
type redisServer struct {
	*process
	address string
}

// startRedis starts a redis-server on dir with an append-only file that is synced as
// named: always or everysec. It may still be loading.
func startRedis(dir, appendfsync string) (*redisServer, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p, err := startProcess(dir, "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", dir,
		"--appendonly", "yes", "--appendfsync", appendfsync, "--save", "", "--enable-debug-command", "no")
	return &redisServer{p, address}, err
}

// startEmptyRedis waits until it serves.
func (r *run) startEmptyRedis(ctx context.Context, appendfsync string) (*redisServer, error) {
	dir, err := r.emptyDir("redis")
	if err != nil {
		return nil, err
	}
	s, err := startRedis(dir, appendfsync)
	if err != nil {
		return nil, err
	}
	if err := await(ctx, s.ping); err != nil {
		s.stop()
		return nil, fmt.Errorf("redis-server does not serve, see %s.log: %w", dir, err)
	}
	return s, nil
}

func (s *redisServer) ping(ctx context.Context) error {
	conn, err := respclient.Dial(ctx, s.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Do(ctx, "PING")
	return err
}

func (s *redisServer) addresses() []string  { return []string{s.address} }
func (s *redisServer) pids() ([]int, error) { return []int{s.pid()}, nil }

// etcdServer is a cluster of etcd processes.
type etcdServer struct {
	members []*process
	clients []string
	args    [][]string
	dirs    []string
	program string
}

// startEmptyEtcd starts three members with etcd's own defaults and waits until they
// serve.
func (r *run) startEmptyEtcd(ctx context.Context) (*etcdServer, error) {
	dir, err := r.emptyDir("etcd")
	if err != nil {
		return nil, err
	}
	const members = 3
	s := &etcdServer{program: r.etcd}
	var peers []string
	cluster := ""
	for i := range members {
		client, err1 := freeAddress()
		peer, err2 := freeAddress()
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		s.clients, peers = append(s.clients, client), append(peers, peer)
		if i > 0 {
			cluster += ","
		}
		cluster += "m" + strconv.Itoa(i) + "=http://" + peer
	}
	for i := range members {
		own := filepath.Join(dir, "m"+strconv.Itoa(i))
		s.dirs = append(s.dirs, own)
		s.args = append(s.args, []string{"--name", "m" + strconv.Itoa(i), "--data-dir", own, "--log-level", "error",
			"--listen-client-urls", "http://" + s.clients[i], "--advertise-client-urls", "http://" + s.clients[i],
			"--listen-peer-urls", "http://" + peers[i], "--initial-advertise-peer-urls", "http://" + peers[i],
			"--initial-cluster", cluster, "--initial-cluster-state", "new"})
		s.members = append(s.members, nil)
		if err := s.startMember(i); err != nil {
			s.stop()
			return nil, err
		}
	}
	for i := range members {
		if err := await(ctx, func(ctx context.Context) error { return s.healthy(ctx, i) }); err != nil {
			s.stop()
			return nil, fmt.Errorf("etcd does not serve, see %s: %w", dir, err)
		}
	}
	return s, nil
}

func (s *etcdServer) startMember(i int) (err error) {
	s.members[i], err = startProcess(s.dirs[i], s.program, s.args[i]...)
	return err
}

func (s *etcdServer) addresses() []string { return s.clients }

func (s *etcdServer) pids() (pids []int, err error) {
	for _, m := range s.members {
		pids = append(pids, m.pid())
	}
	return pids, nil
}

func (s *etcdServer) stop() {
	for _, m := range s.members {
		if m != nil {
			m.kill() // there is nothing to keep
		}
	}
}
