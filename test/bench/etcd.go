package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// etcdStatus is what a member answers to /v3/maintenance/status, as JSON of gRPC's
// gateway has it: numbers of 64 bits are strings.
type etcdStatus struct {
	Header struct {
		MemberID string `json:"member_id"`
	} `json:"header"`
	Leader string `json:"leader"`
}

func (s *etcdServer) status(ctx context.Context, member int) (*etcdStatus, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.clients[member]+"/v3/maintenance/status", strings.NewReader("{}"))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", response.Status, b)
	}
	out := new(etcdStatus)
	return out, json.Unmarshal(b, out)
}

// healthy returns no error if the member serves linearizable reads.
func (s *etcdServer) healthy(ctx context.Context, member int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.clients[member]+"/health", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/health of %s: %s", s.clients[member], response.Status)
	}
	return nil
}

// leader returns the index of the member that leads.
func (s *etcdServer) leader(ctx context.Context) (int, error) {
	for i := range s.members {
		status, err := s.status(ctx, i)
		if err != nil {
			return 0, err
		}
		if status.Leader == status.Header.MemberID {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no member of etcd leads")
}
