package localcluster

import "syscall"

// childAttributes makes a child that a terminal's Ctrl-C does not reach (its
// supervisor stops it in good order) and that dies with its supervisor.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
