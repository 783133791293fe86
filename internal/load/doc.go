// Package load puts load on a cluster through plain RESP and checks every
// answer: it is what the demo, kvctl load and the end-to-end suites use to say
// that nothing was lost and how long anybody had to wait.
//
// # What is checked
//
// Every key is a register that one worker owns, and a worker has at most one
// operation on a key at a time. Each attempt to write carries a sequence number
// of its own, and the value names the key and the number. So every value that
// is ever read back can be judged alone:
//
//   - the value of the last acknowledged write is right;
//   - the value of a write whose outcome is unknown (the connection broke, the
//     answer did not come in time, or the server said UNKNOWNRESULT) is right
//     too: such a write may have happened, may never happen, or may still
//     happen, once;
//   - anything else breaks linearizability: a value older than the last
//     acknowledged one, one that was read after it had been replaced, one of a
//     write that the server had refused, one that nobody wrote.
//
// A write of unknown outcome that shows up after a later write had been
// acknowledged is legal, since it is concurrent with everything after it, but
// it is also what a lost write can look like. It is counted apart (Late), so
// that a test may insist on none.
//
// # What counts as a pause
//
// From the moment when a worker wants to do an operation until it has
// succeeded, retries included. Operations that have not succeeded yet count
// with their time so far. As a second figure there is the longest time in which
// no operation of a kind succeeded for any worker (Gap).
//
// # What clients this stands for
//
// A plain Redis client with a patient caller: it stays on its connection while
// that works, goes to the next address when it breaks, and tries again after
// every answer that is not a success. It does not follow redirects, so it
// belongs on the plain port.
package load
