//go:build unix && !linux

package localcluster

import "syscall"

// childAttributes makes a child that a terminal's Ctrl-C does not reach: its
// supervisor stops it in good order. Only Linux can also tie its life to the
// supervisor's.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
