package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/ringkv/ringkv/internal/keytrace"
	"github.com/ringkv/ringkv/internal/respclient"
	"github.com/ringkv/ringkv/internal/target"
)

// sendRedis sends a command to a node, or to the first that can be connected to if
// none is named.
func sendRedis(cmd *cobra.Command, t target.Target, node string, timeout time.Duration, words []string) (*respclient.Reply, error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
	defer cancel()
	conn, err := connectRedis(ctx, t, node)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	reply, err := conn.Do(ctx, words...)
	if _, answered := errors.AsType[respclient.ServerError](err); err != nil && !answered {
		return nil, fmt.Errorf("%w (%w)", keytrace.ErrUnknown, err)
	}
	return reply, err
}

func connectRedis(ctx context.Context, t target.Target, node string) (*respclient.Conn, error) {
	names := []string{node}
	if node == "" {
		o, err := t.Observe(ctx)
		if err != nil {
			return nil, err
		}
		names = nil
		for i := range o.Nodes {
			if o.Nodes[i].Up() {
				names = append(names, o.Nodes[i].Name)
			}
		}
	}
	err := fmt.Errorf("%w: none answers", keytrace.ErrNoNode)
	for _, name := range names {
		address, addressErr := t.Address(ctx, name, target.RESP)
		if addressErr != nil {
			err = addressErr
			continue
		}
		conn, dialErr := respclient.Dial(ctx, address)
		if dialErr == nil {
			return conn, nil
		}
		err = fmt.Errorf("%w: %w", keytrace.ErrNoNode, dialErr)
	}
	return nil, err
}

// printable returns text as it is if a terminal can show it, or else quoted.
func printable(text string) string {
	for _, r := range text {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return text
}
