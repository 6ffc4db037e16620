//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// inGroup gives a command a process group, with which it is killed when its
// context ends: a shell has children.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// terminate asks a process to end, which lets it end its own.
func terminate(cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGTERM) }
