// Package command says what each command means: which keys it names, whether it
// reads or writes, how it is spread over partitions, and what it does to one
// partition's store.
//
// A command is one entry in the table (table_*.go) and one function. The function
// is deterministic: the same store, the same Context.Now and the same arguments
// give the same store and the same reply on every replica. It may not look at a
// clock, at random numbers, at the order of a Go map, or at floating point
// arithmetic that differs between processors. RANDOMKEY, which changes nothing, is
// the one exception.
//
// Semantics and error texts are those of Redis 7.2. Where they are not, the table
// says so (Spec.Difference), and docs/commands.md, which is made from it.
//
// The path of a command: the server resolves it (Resolve) into a Call; a node
// spreads the call over partitions (Router); the partition's leader packs writes
// into batches (AppendBatchHeader, AppendCommand), which the log carries; each
// replica applies them (DecodeBatch, Apply). Reads run the function directly.
package command
