// Package bench measures a Redis server, or several that serve the same keys: how
// many commands a second, and how long each took.
//
// # Closed loop and open loop
//
// In a closed loop every connection sends its next commands when the last ones are
// answered: it finds the throughput, but a server that stalls is asked less
// meanwhile, and the stall counts once. In an open loop (Options.Rate) commands
// become due by a schedule, whatever the server does, and their time counts from
// when they were due: a command that had to wait for its connection is as late as
// its user would see it. That is what latencies must be measured with (the other is
// known as coordinated omission: G. Tene, "How NOT to Measure Latency").
//
// # What is counted
//
// Times of commands that were answered without an error, in a histogram with three
// significant digits from a microsecond to a minute. Failed ones are counted apart,
// by the first word of their error. Commands of a pipeline are each counted with
// the time of their own answer.
package bench
