package resp

import "github.com/ringkv/ringkv/internal/kv/command"

// Backend executes commands: in production it is the node.
type Backend interface {
	// Submit takes calls that are not of Connection scope, and returns at
	// once; it does not keep the slice. Each call is completed later, exactly
	// once, on any goroutine. Calls of one Submit that touch the same key are
	// all writes or all reads; the writes must be executed in their order.
	// Between two Submits of one connection all calls have been completed.
	Submit(calls []*command.Call)
	// Info returns sections for INFO. Sections that the server has as well are
	// put together, the server's fields first.
	Info() []InfoSection
	// Settings returns what CONFIG GET shows besides the server's own settings.
	Settings() []Setting
	// Copies returns on how many replicas every acknowledged write is for
	// certain, and on how many of their disks.
	Copies() (held, synced int)
}

// InfoSection is a section of INFO.
type InfoSection struct {
	Name   string // as shown, such as Memory
	Fields []InfoField
}

// InfoField is a line of INFO.
type InfoField struct{ Name, Value string }

// Setting is a parameter of CONFIG GET.
type Setting struct{ Name, Value string }
