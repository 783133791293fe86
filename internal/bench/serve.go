package bench

import (
	"context"
	"encoding/json"
	"io"
)

// Order is what a program that measures for another one is told.
type Order struct {
	Options Options `json:"options"`
	// Fill writes every key first. Without a duration and a count that is all.
	Fill bool `json:"fill,omitempty"`
}

// Serve is the whole of a program that measures in a process of its own, so that
// clients of one store cost what those of another do: it reads an Order as JSON,
// carries it out, and writes the Result as JSON. dial is Options.Dial.
func Serve(ctx context.Context, in io.Reader, out io.Writer, dial Dial) error {
	var o Order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return err
	}
	o.Options.Dial = dial
	if o.Fill {
		if err := Fill(ctx, o.Options); err != nil {
			return err
		}
	}
	result := new(Result)
	if o.Options.Duration > 0 || o.Options.Count > 0 {
		var err error
		if result, err = Run(ctx, o.Options, nil); err != nil {
			return err
		}
	}
	return json.NewEncoder(out).Encode(result)
}
