//go:build linux

package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// program is a process that is kept running, unless a fault holds it down or stops it.
type program struct {
	name    string
	args    []string // the binary first
	logFile string   // gets stdout and stderr, appended
	// launch runs start where the process belongs: it inherits the network.
	launch func(start func() error) error
	// died is called when the process ended and nobody had asked for it, before it is
	// started again.
	died func(how string)

	mu     sync.Mutex
	cmd    *exec.Cmd     // nil while it does not run; guarded by mu
	ended  chan struct{} // closed when cmd has ended; guarded by mu
	holds  int           // faults that hold it down; guarded by mu
	pauses int           // faults that have stopped it; guarded by mu
	closed bool          // it is not started again; guarded by mu
}

// startDelay is how long a process that ended by itself stays down.
const startDelay = 500 * time.Millisecond

// start runs the process unless it runs or is held down. The caller holds mu.
func (p *program) start() error {
	if p.cmd != nil || p.holds > 0 || p.closed {
		return nil
	}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.launch(cmd.Start); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	ended := make(chan struct{})
	p.cmd, p.ended = cmd, ended
	if p.pauses > 0 {
		_ = cmd.Process.Signal(syscall.SIGSTOP)
	}
	go p.wait(cmd, ended)
	return nil
}

// run starts the process for the first time.
func (p *program) run() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.start()
}

// wait starts the process again when it ended by itself.
func (p *program) wait(cmd *exec.Cmd, ended chan struct{}) {
	err := cmd.Wait()
	close(ended)
	p.mu.Lock()
	unasked := p.cmd == cmd
	if unasked {
		p.cmd = nil
	}
	p.mu.Unlock()
	if !unasked {
		return
	}
	how := "exit status 0"
	if err != nil {
		how = err.Error()
	}
	p.died(how)
	time.Sleep(startDelay)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.start(); err != nil {
		p.died(err.Error())
	}
}

// stopLimit is how long a process may take to end after SIGTERM.
const stopLimit = time.Minute

// hold ends the process with a signal and keeps it down until release is called. The
// error says that it did not end in time, and was killed.
func (p *program) hold(signal syscall.Signal) (release func() error, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds++
	err = p.end(signal)
	return func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.holds--
		return p.start()
	}, err
}

// end ends the process, if it runs. The caller holds mu.
func (p *program) end(signal syscall.Signal) error {
	cmd, ended := p.cmd, p.ended
	if cmd == nil {
		return nil
	}
	p.cmd = nil
	_ = cmd.Process.Signal(signal) // it may have ended this moment
	if signal != syscall.SIGKILL {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		select {
		case <-ended:
			return nil
		case <-time.After(stopLimit):
		}
		_ = cmd.Process.Signal(syscall.SIGABRT) // a Go program tells where it hangs
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		return fmt.Errorf("%s had not ended %v after signal %d", p.name, stopLimit, signal)
	}
	<-ended
	return nil
}

// pause stops the process with SIGSTOP until the returned function is called.
func (p *program) pause() (resume func()) {
	signal := func(by int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pauses += by
		if p.cmd == nil {
			return
		}
		if p.pauses > 0 {
			_ = p.cmd.Process.Signal(syscall.SIGSTOP)
		} else {
			_ = p.cmd.Process.Signal(syscall.SIGCONT)
		}
	}
	signal(1)
	return func() { signal(-1) }
}

// close ends the process for good.
func (p *program) close(signal syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return p.end(signal)
}
