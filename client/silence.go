package client

import "time"

// silenceLimit is how long a node may send nothing on a watch, not even a heartbeat,
// before another one is asked: three heartbeats.
const silenceLimit = 15 * time.Second

// silence gives a stream up when nothing comes any more. A node without a leader to ask
// sends nothing either, and another one may know better.
type silence struct{ timer *time.Timer }

func newSilence(giveUp func()) silence { return silence{time.AfterFunc(silenceLimit, giveUp)} }

func (s silence) broken() { s.timer.Reset(silenceLimit) }
func (s silence) stop()   { s.timer.Stop() }
