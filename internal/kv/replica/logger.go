package replica

import (
	"fmt"
	"log/slog"

	"go.etcd.io/raft/v3"
)

// raftLogger gives the library's messages to slog. Its chatter about normal
// elections is for debugging; what matters of it the replica logs itself.
type raftLogger struct{ l *slog.Logger }

var _ raft.Logger = raftLogger{}

func (g raftLogger) Debug(v ...any)            {}
func (g raftLogger) Debugf(f string, v ...any) {}
func (g raftLogger) Info(v ...any)             {}
func (g raftLogger) Infof(f string, v ...any)  {}
func (g raftLogger) Warning(v ...any)          { g.l.Debug("raft", "message", fmt.Sprint(v...)) }
func (g raftLogger) Warningf(f string, v ...any) {
	g.l.Debug("raft", "message", fmt.Sprintf(f, v...))
}
func (g raftLogger) Error(v ...any)            { g.l.Warn("raft", "message", fmt.Sprint(v...)) }
func (g raftLogger) Errorf(f string, v ...any) { g.l.Warn("raft", "message", fmt.Sprintf(f, v...)) }
func (g raftLogger) Fatal(v ...any)            { g.Panic(v...) }
func (g raftLogger) Fatalf(f string, v ...any) { g.Panicf(f, v...) }

// Panic ends the process: the library calls it when its own invariants are
// broken, and going on could lose acknowledged writes.
func (g raftLogger) Panic(v ...any)            { panic(fmt.Sprint(v...)) }
func (g raftLogger) Panicf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
