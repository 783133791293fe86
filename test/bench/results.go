package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// results are what runs have found. They are kept beside the report, so that a run
// of some groups renews these and leaves the others.
type results struct {
	Machine     machine      `json:"machine"`
	Comparisons []comparison `json:"comparisons"` // in the order in which they were first measured
	Series      []series     `json:"series,omitempty"`
}

// comparison is one row of the table: what ringkv and a peer did with the same work.
type comparison struct {
	Group string `json:"group"`
	Work  string `json:"work"` // what was measured; with Group and Peer, the row's identity
	Unit  string `json:"unit"` // of Ours and Theirs: "/s", "ms", ...
	Peer  string `json:"peer,omitempty"`
	// Ours and Theirs are a value for each round; Theirs is empty if there is no peer.
	Ours   []float64 `json:"ours"`
	Theirs []float64 `json:"theirs,omitempty"`
	// Worst means that the row is about the largest value, not about the middle one.
	Worst  bool      `json:"worst,omitempty"`
	Target target    `json:"target"`
	Note   string    `json:"note,omitempty"`
	Commit string    `json:"commit"` // of ringkv
	At     time.Time `json:"at"`
}

// target is what is to be reached; a zero field is no demand.
type target struct {
	RatioAtLeast float64 `json:"ratioAtLeast,omitempty"` // of Ours to Theirs
	RatioAtMost  float64 `json:"ratioAtMost,omitempty"`
	ValueAtMost  float64 `json:"valueAtMost,omitempty"` // of Ours
	ValueAtLeast float64 `json:"valueAtLeast,omitempty"`
	None         bool    `json:"none,omitempty"` // Ours is 0
}

// value is what stands for all rounds.
func (c *comparison) value(rounds []float64) float64 {
	if c.Worst {
		return slices.Max(rounds)
	}
	return median(rounds)
}

// ratios are Ours to Theirs, round by round: both were measured within the same
// minutes, so what the machine did meanwhile hit both. least and most are the spread;
// all are 0 without a peer.
func (c *comparison) ratios() (middle, least, most float64) {
	if len(c.Ours) == 0 || len(c.Theirs) == 0 {
		return 0, 0, 0
	}
	if c.Worst {
		r := slices.Max(c.Ours) / slices.Max(c.Theirs)
		return r, r, r
	}
	var all []float64
	for i := range min(len(c.Ours), len(c.Theirs)) {
		all = append(all, c.Ours[i]/c.Theirs[i])
	}
	return median(all), slices.Min(all), slices.Max(all)
}

// reached tells whether all that is demanded is so.
func (c *comparison) reached() bool {
	ratio, _, _ := c.ratios()
	t := &c.Target
	return (t.RatioAtLeast == 0 || ratio >= t.RatioAtLeast) &&
		(t.RatioAtMost == 0 || ratio > 0 && ratio <= t.RatioAtMost) &&
		(t.ValueAtMost == 0 || c.value(c.Ours) <= t.ValueAtMost) &&
		c.value(c.Ours) >= t.ValueAtLeast &&
		(!t.None || slices.Max(c.Ours) == 0)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// add puts a row in the place of the one with the same work, or at the end.
func (r *results) add(c comparison) {
	c.Commit, c.At = r.Machine.Commit, time.Now().UTC().Truncate(time.Second)
	i := slices.IndexFunc(r.Comparisons, func(old comparison) bool { return old.Group == c.Group && old.Work == c.Work && old.Peer == c.Peer })
	if i < 0 {
		r.Comparisons = append(r.Comparisons, c)
		return
	}
	r.Comparisons[i] = c
}

const resultsFile = "performance/results.json"

func loadResults(docs string) (*results, error) {
	r := new(results)
	b, err := os.ReadFile(filepath.Join(docs, resultsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return r, json.Unmarshal(b, r)
}

// save writes the results and the report about them.
func (r *results) save(docs string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(docs, resultsFile)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, append(b, '\n'), 0o644); err != nil {
		return err
	}
	return r.writeReport(docs)
}
