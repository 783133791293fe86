package localcluster

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process keeps one program running until it is stopped.
type process struct {
	spec processSpec
	stop chan struct{} // closed to end it
	once sync.Once     // closes stop
	done chan struct{} // closed when it has ended for good

	mu    sync.Mutex
	state ProcessState // guarded by mu
	child *os.Process  // nil while none runs; guarded by mu
}

// processSpec says what to run.
type processSpec struct {
	name    string
	binary  string
	args    []string
	env     []string // added to this process's own
	logFile string   // gets stdout and stderr, appended
	// restartDelay is how long a program that ended stays down; negative means
	// for good.
	restartDelay time.Duration
	// stopGrace is how long the program may take after SIGTERM before it is
	// killed.
	stopGrace time.Duration
	logger    *slog.Logger
}

// ProcessState is what the supervisor knows of a node's process.
type ProcessState struct {
	PID      int `json:"pid"` // 0 while it does not run
	Restarts int `json:"restarts"`
	// LastExit says how the process ended the last time; empty if it never has.
	LastExit string `json:"lastExit,omitempty"`
}

// startProcess returns once the program runs, or the reason why it cannot.
func startProcess(spec processSpec) (*process, error) {
	p := &process{spec: spec, stop: make(chan struct{}), done: make(chan struct{})}
	started := make(chan error, 1)
	go p.supervise(started)
	if err := <-started; err != nil {
		<-p.done
		return nil, fmt.Errorf("start node %s: %w", spec.name, err)
	}
	return p, nil
}

// State returns a snapshot.
func (p *process) State() ProcessState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Stop ends the program, politely at first, and returns when it is gone.
func (p *process) Stop() {
	p.once.Do(func() { close(p.stop) })
	<-p.done
}

// Kill sends SIGKILL, as kill -9 does; the program is then started again as
// after any other end.
func (p *process) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil {
		return fmt.Errorf("node %s does not run", p.spec.name)
	}
	return p.child.Kill()
}

// supervise owns the child processes. It sends the outcome of the first start to
// started.
func (p *process) supervise(started chan<- error) {
	defer close(p.done)
	// The kernel ties a child's parent-death signal to the thread that made it:
	// this thread must live as long as the child. It ends with the goroutine.
	runtime.LockOSThread()
	for first := true; ; first = false {
		ended, err := p.start()
		if first {
			started <- err
			if err != nil {
				return
			}
		}
		if err == nil && p.await(ended) {
			return
		}
		if err != nil {
			p.note("could not be started: " + err.Error())
		}
		if p.spec.restartDelay < 0 {
			p.spec.logger.Warn("node is down and stays down", "node", p.spec.name, "exit", p.State().LastExit, "log", p.spec.logFile)
			<-p.stop
			return
		}
		p.spec.logger.Warn("node ended: starting it again", "node", p.spec.name, "exit", p.State().LastExit,
			"in", p.spec.restartDelay, "log", p.spec.logFile, "lastLine", lastLine(p.spec.logFile))
		select {
		case <-p.stop:
			return
		case <-time.After(p.spec.restartDelay):
		}
		p.mu.Lock()
		p.state.Restarts++
		p.mu.Unlock()
	}
}

// start runs the program; the channel gets how it ended.
func (p *process) start() (<-chan error, error) {
	log, err := os.OpenFile(p.spec.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	cmd := exec.Command(p.spec.binary, p.spec.args...)
	cmd.Env = append(os.Environ(), p.spec.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.child, p.state.PID = cmd.Process, cmd.Process.Pid
	p.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return ended, nil
}

// await returns when the program has ended, and whether that was wanted.
func (p *process) await(ended <-chan error) (stopped bool) {
	select {
	case err := <-ended:
		p.noteExit(err)
		return false
	case <-p.stop:
	}
	p.signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		p.noteExit(err)
		return true
	case <-time.After(p.spec.stopGrace):
	}
	p.spec.logger.Warn("node does not stop: killing it", "node", p.spec.name, "after", p.spec.stopGrace)
	p.signal(syscall.SIGKILL)
	p.noteExit(<-ended)
	return true
}

func (p *process) signal(s os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child != nil {
		_ = p.child.Signal(s) // it may just have ended
	}
}

func (p *process) noteExit(err error) {
	exit := "exit status 0"
	if err != nil {
		exit = err.Error()
	}
	p.note(exit)
}

func (p *process) note(exit string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child, p.state.PID = nil, 0
	p.state.LastExit = exit
}

// lastLine returns the last line of a log, as a hint; empty if there is none.
func lastLine(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 4 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	}
	var line string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if lines.Text() != "" {
			line = lines.Text()
		}
	}
	return line
}
