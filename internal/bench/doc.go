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
// # Cluster mode
//
// A connection of Options is then a client of Redis Cluster: it asks once who serves
// which slots (CLUSTER SLOTS), keeps a connection to each server, and sends every
// command to that of its key. MOVED sends a command on, and is remembered; after a
// broken connection the cluster is asked again. The commands of a pipeline that go to
// different servers are under way at the same time.
//
// # What is counted
//
// Times of commands that were answered without an error, in a histogram with three
// significant digits from a microsecond to a minute. Failed ones are counted apart,
// by the first word of their error. A command that was sent on counts once, with the
// time until its last answer. Commands of a pipeline are each counted with
// the time of their own answer.
package bench
