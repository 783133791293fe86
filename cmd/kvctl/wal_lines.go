package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// entryNormal is the kind of entries that carry commands: raftpb.EntryNormal.
const entryNormal = 0

// commandLines returns a line for each change that a record carries; none for
// records without commands.
func commandLines(r *wal.Record) ([]string, error) {
	if r.Type != wal.TypeEntry || r.Kind != entryNormal || len(r.Payload) == 0 {
		return nil, nil
	}
	batch, err := command.DecodeBatch(r.Payload)
	if err != nil {
		return nil, err
	}
	var lines []string
	var args [][]byte
	for {
		var more bool
		if args, more = batch.Next(args); !more {
			return lines, nil
		}
		lines = appendCommandLines(lines, args)
	}
}

// appendCommandLines prints a command. SET and MSET are PUTs, DEL, UNLINK and the
// deletion of expired keys are DELs, one for each key.
func appendCommandLines(lines []string, args [][]byte) []string {
	switch name := strings.ToUpper(string(args[0])); {
	case name == "SET" && len(args) >= 3:
		return append(lines, line("PUT", args[1:]))
	case name == "MSET" && len(args)%2 == 1:
		for i := 1; i < len(args); i += 2 {
			lines = append(lines, line("PUT", args[i:i+2]))
		}
		return lines
	case name == "DEL" || name == "UNLINK" || name == "RINGKV.EXPIRE":
		for i := range args[1:] {
			lines = append(lines, line("DEL", args[i+1:i+2]))
		}
		return lines
	default:
		return append(lines, line(name, args[1:]))
	}
}

func line(name string, args [][]byte) string {
	var b strings.Builder
	b.WriteString(name)
	for _, a := range args {
		b.WriteByte(' ')
		b.WriteString(quoted(a))
	}
	return b.String()
}

// quoted returns a word as it is if it is one plain word.
func quoted(word []byte) string {
	for _, c := range word {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return strconv.Quote(string(word))
		}
	}
	if len(word) == 0 {
		return `""`
	}
	return string(word)
}

func placeOf(r *wal.Record) string {
	place := fmt.Sprintf("segment %d offset %d", r.Segment, r.Offset)
	if r.Partition != wal.NodePartition {
		place += fmt.Sprintf(" partition %d", r.Partition)
	}
	if r.Type == wal.TypeEntry {
		place += fmt.Sprintf(" term %d index %d", r.Term, r.Index)
	}
	return place
}

// describeRecord is for records that carry no command.
func describeRecord(r *wal.Record) string {
	text := placeOf(r) + ": " + r.Type.String()
	if r.Type == wal.TypeEntry && r.Kind != entryNormal {
		text += " that changes the membership"
	}
	if ref, err := r.DumpSnapshot(); err == nil && ref != nil {
		text += fmt.Sprintf(", snapshot %s up to index %d (term %d)", ref.File, ref.Index, ref.Term)
	}
	if hard, err := r.DumpHardState(); err == nil && hard != nil {
		text += fmt.Sprintf(", term %d, vote %d, commit %d", hard.Term, hard.Vote, hard.Commit)
	}
	return text
}

func describeDamage(item *wal.DumpItem) string {
	d := item.Damage
	text := fmt.Sprintf("segment %d offset %d", d.Segment, d.Offset)
	if d.Bytes > 0 {
		text += fmt.Sprintf(", %d bytes", d.Bytes)
	}
	if item.Torn {
		return text + ": the end of the log, " + d.Reason
	}
	return text + ": damaged, " + d.Reason
}
