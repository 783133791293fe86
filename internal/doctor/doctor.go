// Package doctor says what is wrong with a cluster and what to do about it. It is
// pure: it looks at one observation.
package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringkv/ringkv/internal/target"
)

// Finding is one thing that somebody should know.
type Finding struct {
	// Problem: something is wrong now. Else it is a weakness, or on its way.
	Problem bool   `json:"problem"`
	What    string `json:"what"`
	Advice  string `json:"advice,omitempty"` // what to do; empty if waiting is all
}

// exam collects findings about one observation.
type exam struct {
	o          *target.Observation
	partitions []target.Partition
	findings   []Finding
}

// Examine returns what it finds, problems first.
func Examine(o *target.Observation) []Finding {
	e := &exam{o: o, partitions: o.Partitions()}
	for _, check := range []func(*exam){
		(*exam).coordinator, (*exam).nodes, (*exam).leaders, (*exam).copies, (*exam).damage,
		(*exam).room, (*exam).maps, (*exam).restarts, (*exam).lag, (*exam).zones, (*exam).durability, (*exam).versions,
	} {
		check(e)
	}
	slices.SortStableFunc(e.findings, func(a, b Finding) int {
		switch {
		case a.Problem == b.Problem:
			return 0
		case a.Problem:
			return -1
		default:
			return 1
		}
	})
	return e.findings
}

// Healthy tells whether none of the findings is a problem.
func Healthy(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return f.Problem })
}

func (e *exam) problem(advice, format string, args ...any) {
	e.findings = append(e.findings, Finding{Problem: true, What: fmt.Sprintf(format, args...), Advice: advice})
}

func (e *exam) note(advice, format string, args ...any) {
	e.findings = append(e.findings, Finding{What: fmt.Sprintf(format, args...), Advice: advice})
}

// settling tells whether moves are under way, which explain missing copies.
func (e *exam) settling() bool {
	return e.o.Progress.MovesDone < e.o.Progress.MovesTotal
}

// list names things: "a, b and 3 more".
func list(names []string) string {
	const most = 5
	if len(names) > most+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// plural is a number with its noun, and "s" unless it is one.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
