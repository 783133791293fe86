package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/api/kv/v1/kvv1connect"
	"github.com/ringkv/ringkv/internal/target"
)

const (
	// watchSilence is how long a node may send nothing, not even a heartbeat, before
	// another one is asked: three heartbeats.
	watchSilence = 15 * time.Second
	// watchRetry is the pause before another node is asked.
	watchRetry = 200 * time.Millisecond
)

// keyWatchFlags choose keys to watch, and from where.
type keyWatchFlags struct {
	prefix, resume string
	after          uint64
	given          func(flag string) bool
}

func (f *keyWatchFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.prefix, "prefix", "", `watch all keys that begin with this; "" for all keys`)
	flags.Uint64Var(&f.after, "after-version", 0, "begin after the change that gave KEY this version (default: now)")
	flags.StringVar(&f.resume, "resume", "", "go on where another watch of the same keys ended: its token")
	cmd.MarkFlagsMutuallyExclusive("after-version", "resume")
	f.given = flags.Changed
}

// keys tells whether keys are to be watched, and not the cluster.
func (f *keyWatchFlags) keys(args []string) bool {
	return len(args) > 0 || f.given("prefix") || f.given("after-version") || f.given("resume")
}

func (f *keyWatchFlags) request(args []string) (*kvv1.WatchRequest, error) {
	r := new(kvv1.WatchRequest)
	switch byPrefix := f.given("prefix"); {
	case byPrefix == (len(args) == 1):
		return nil, usageError{errors.New("give either KEY or --prefix")}
	case byPrefix && f.given("after-version"):
		return nil, usageError{errors.New("--after-version is for KEY: a prefix has a version in every partition, use --resume")}
	case byPrefix:
		r.Target = &kvv1.WatchRequest_Prefix{Prefix: []byte(f.prefix)}
	default:
		r.Target = &kvv1.WatchRequest_Key{Key: []byte(args[0])}
	}
	switch {
	case f.given("after-version"):
		r.Start = &kvv1.WatchRequest_AfterVersion{AfterVersion: f.after}
	case f.given("resume"):
		token, err := base64.RawURLEncoding.DecodeString(f.resume)
		if err != nil {
			return nil, usageError{fmt.Errorf("--resume %q: want a token that a watch printed", f.resume)}
		}
		r.Start = &kvv1.WatchRequest_ResumeToken{ResumeToken: token}
	}
	return r, nil
}

// watchKeys prints the changes until ctx ends, and how to go on after that.
func watchKeys(ctx context.Context, cmd *cobra.Command, t target.Target, r *kvv1.WatchRequest, form string) error {
	out, errOut, begun := cmd.OutOrStdout(), cmd.ErrOrStderr(), false
	encoder := json.NewEncoder(out)
	w := &keyWatch{target: t, request: r}
	w.trouble = func(err error) { fmt.Fprintf(errOut, "the watch broke (%v): asking another node\n", err) }
	w.print = func(m *kvv1.WatchResponse) error {
		now, first := time.Now(), !begun
		begun = true
		switch {
		case form == "json" && first && len(m.GetEvents()) == 0:
			return encoder.Encode(keyChange{At: now, Kind: "begin", ResumeToken: encodeToken(m.GetResumeToken())})
		case form == "json":
			return encodeKeyChanges(encoder, now, m)
		case first:
			fmt.Fprintln(errOut, "watching; Ctrl-C ends it")
		}
		for _, e := range m.GetEvents() {
			if err := printKeyChange(out, now, e); err != nil {
				return err
			}
		}
		return nil
	}
	err := w.run(ctx)
	if token := r.GetResumeToken(); form != "json" && err == nil && begun {
		fmt.Fprintf(errOut, "to go on from here: --resume %s\n", encodeToken(token))
	}
	if e, ok := errors.AsType[*connect.Error](err); ok {
		err = errors.New(e.Message())
	}
	return err
}

// keyWatch follows keys through whichever node answers. Every change comes once, and
// those of one key in order: a stream that breaks goes on where it was.
type keyWatch struct {
	target  target.Target
	request *kvv1.WatchRequest
	print   func(*kvv1.WatchResponse) error
	trouble func(error) // is told why another node is asked; once until something comes
}

// run follows until ctx ends, which is no error, or until going on makes no sense.
func (w *keyWatch) run(ctx context.Context) error {
	told := false
	for attempt := 0; ; attempt++ {
		address, err := w.node(ctx, attempt)
		if err == nil {
			err = w.stream(ctx, address, func() { told = false })
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case !passes(err):
			return err
		case !told:
			w.trouble(err)
			told = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchRetry):
		}
	}
}

// errNoNodeToWatch passes: nodes come back.
var errNoNodeToWatch = errors.New("no node answers")

// node returns the HTTP port of one of the nodes that are up, another for each attempt.
func (w *keyWatch) node(ctx context.Context, attempt int) (string, error) {
	o, err := w.target.Observe(ctx)
	if err != nil {
		return "", err
	}
	for i := range o.Nodes {
		n := &o.Nodes[(i+attempt)%len(o.Nodes)]
		if !n.Up() {
			continue
		}
		address, err := w.target.Address(ctx, n.Name, target.HTTP)
		if err == nil {
			return address, nil
		}
	}
	return "", errNoNodeToWatch
}

// stream reads from one node, and moves the request on with what comes.
func (w *keyWatch) stream(ctx context.Context, address string, came func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Canceled for silence, it is no error of a kind that is final.
	silence := time.AfterFunc(watchSilence, cancel)
	defer silence.Stop()
	stream, err := kvv1connect.NewKVClient(http.DefaultClient, "http://"+address).Watch(ctx, w.request)
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Receive() {
		silence.Reset(watchSilence)
		came()
		m := stream.Msg()
		if err := w.print(m); err != nil {
			return finalError{err}
		}
		w.request.Start = &kvv1.WatchRequest_ResumeToken{ResumeToken: m.GetResumeToken()}
		silence.Reset(watchSilence) // whoever reads may have taken their time
	}
	if stream.Err() != nil {
		return stream.Err()
	}
	return errors.New("the node ended the watch")
}

// finalError is one that another node cannot help with.
type finalError struct{ error }

// passes tells whether another node, or the same one later, may do better.
func passes(err error) bool {
	if _, final := errors.AsType[finalError](err); final || errors.Is(err, target.ErrUnreachable) {
		return false
	}
	switch connect.CodeOf(err) {
	case connect.CodeInvalidArgument, connect.CodeUnimplemented, connect.CodeOutOfRange, connect.CodeFailedPrecondition, connect.CodeNotFound:
		return false
	}
	return true
}

// keyChange is a line of watch -o json about keys. The first, "begin", says that the
// watch runs, and has nothing but a token.
type keyChange struct {
	At          time.Time `json:"at"`
	Kind        string    `json:"kind"` // begin, put, delete, expire or clear
	Key         string    `json:"key,omitempty"`
	KeyBase64   string    `json:"keyBase64,omitempty"` // of a key that is no UTF-8
	Value       string    `json:"value,omitempty"`
	ValueBase64 string    `json:"valueBase64,omitempty"` // of a value that is no UTF-8
	// ValueOmitted: it was too long to be kept for watches; get shows it.
	ValueOmitted bool       `json:"valueOmitted,omitempty"`
	Expires      *time.Time `json:"expires,omitempty"`
	Partition    *uint32    `json:"partition,omitempty"`
	Revision     uint64     `json:"revision,omitempty"` // the partition's; of a put it is the version
	// ResumeToken goes on after this line; only the last of changes that came together
	// has it.
	ResumeToken string `json:"resumeToken,omitempty"`
}

// kindNames are what changes are called: as JSON, and to people.
var kindNames = map[kvv1.Event_Kind][2]string{
	kvv1.Event_KIND_PUT:    {"put", "PUT"},
	kvv1.Event_KIND_DELETE: {"delete", "DEL"},
	kvv1.Event_KIND_EXPIRE: {"expire", "EXPIRED"},
	kvv1.Event_KIND_CLEAR:  {"clear", "CLEARED"},
}

// printKeyChange writes a change for people.
func printKeyChange(w io.Writer, at time.Time, e *kvv1.Event) error {
	text := kindNames[e.GetKind()][1]
	switch e.GetKind() {
	case kvv1.Event_KIND_CLEAR:
		text += fmt.Sprintf(" all keys of partition %d", e.GetPartition())
	case kvv1.Event_KIND_PUT:
		value := printable(string(e.GetItem().GetValue()))
		if e.GetValueOmitted() {
			value = "(too long to be kept for watches: get it)"
		}
		text += fmt.Sprintf(" %s = %s, version %d", printable(string(e.GetItem().GetKey())), value, e.GetRevision())
		if e.GetItem().GetExpireTime() != nil {
			text += ", until " + e.GetItem().GetExpireTime().AsTime().Local().Format("2006-01-02 15:04:05.000")
		}
	default:
		text += " " + printable(string(e.GetItem().GetKey()))
	}
	_, err := fmt.Fprintln(w, at.Format("15:04:05.000"), text)
	return err
}

// encodeKeyChanges writes a line of JSON for each change of a message.
func encodeKeyChanges(encoder *json.Encoder, at time.Time, m *kvv1.WatchResponse) error {
	for i, e := range m.GetEvents() {
		line := keyChange{
			At: at, Kind: kindNames[e.GetKind()][0], ValueOmitted: e.GetValueOmitted(), Partition: new(e.GetPartition()), Revision: e.GetRevision(),
		}
		line.Key, line.KeyBase64 = textOrBase64(e.GetItem().GetKey())
		line.Value, line.ValueBase64 = textOrBase64(e.GetItem().GetValue())
		if e.GetItem().GetExpireTime() != nil {
			line.Expires = new(e.GetItem().GetExpireTime().AsTime())
		}
		if i == len(m.GetEvents())-1 {
			line.ResumeToken = encodeToken(m.GetResumeToken())
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func encodeToken(token []byte) string { return base64.RawURLEncoding.EncodeToString(token) }

// textOrBase64 returns bytes in the form that JSON has for them.
func textOrBase64(b []byte) (text, base64Text string) {
	if utf8.Valid(b) {
		return string(b), ""
	}
	return "", base64.StdEncoding.EncodeToString(b)
}
