package drill

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// Process is who runs a drill, so that another process of the same machine can
// tell whether it still does.
type Process struct {
	Host  string `json:"host"`
	Space string `json:"space,omitempty"` // of process ids, where a machine has several
	ID    int    `json:"id"`
}

func thisProcess() Process {
	p := Process{ID: os.Getpid()}
	p.Host, _ = os.Hostname()                     // empty: as one machine's
	p.Space, _ = os.Readlink("/proc/self/ns/pid") // empty: there is one
	return p
}

// ended reports whether a process is known to have ended, as seen by another
// one: it must be of the same machine, and not be there.
func (p Process) ended(self Process) bool {
	if p.Host != self.Host || p.Space != self.Space || p.ID == self.ID {
		return false
	}
	found, err := os.FindProcess(p.ID)
	if err != nil || runtime.GOOS == "windows" {
		return err != nil
	}
	defer found.Release()
	err = found.Signal(syscall.Signal(0))
	return err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EPERM)
}
