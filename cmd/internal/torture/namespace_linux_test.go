package torture

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// ownMounts is set where the process has a mount namespace of its own.
const ownMounts = "CVARCHIVE_TORTURE_MOUNTS"

// inNamespace runs the tests again in a child with a mount namespace of its
// own, where a small disk can be mounted without anybody else noticing. Where
// the system does not allow that, done is false, and so it is in the child.
func inNamespace() (status int, done bool) {
	if os.Getenv(ownMounts) != "" {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			fmt.Fprintf(os.Stderr, "keep mounts private: %v\n", err)
			os.Exit(1)
		}
		return 0, false
	}
	self, err := os.Executable()
	if err != nil {
		return 0, false
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), ownMounts+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), true
	}
	return 0, err == nil
}

// mountDisk makes a folder a file system of its own, of so many bytes.
func mountDisk(dir string, size int) error {
	if os.Getenv(ownMounts) == "" {
		return errors.ErrUnsupported
	}
	return syscall.Mount("cvarchive-torture", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size))
}

func unmountDisk(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
