// Package resp is a server for the Redis protocol, versions 2 and 3, and inline
// commands.
//
// A goroutine per connection reads what the socket has, parses all complete
// commands, gives them to the Backend as one batch, waits, and writes all replies
// with one call. The parser leaves arguments where they were read, so between the
// socket and the backend nothing is copied or allocated per command.
//
// What holds for one connection:
//
//   - Replies come in the order of the commands.
//   - A command sees the effects of those before it and not of those after it,
//     pipelined or not (see group).
//   - Memory is bounded by what the client has really sent and is owed, and by the
//     limits in Options; no announced length is believed.
//
// Commands of command.Connection scope are answered here, from a table by full
// name (handlers.go); all others by the Backend.
package resp
