//go:build !windows

package azurite

import (
	"os/exec"
	"syscall"
)

// inGroup gives the command a process group: npx has children.
func inGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
