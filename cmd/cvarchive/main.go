package main

import (
	"context"
	"io"
	"os"
	"time"
)

func main() { os.Exit(start()) }

// start runs the program and returns its exit status. It is apart from main
// so that everything deferred has run before the process ends.
func start() int {
	ctx, in := interruptible(context.Background())
	defer in.release()
	return run(ctx, os.Args[1:], process{
		stdin:      os.Stdin,
		stdout:     os.Stdout,
		stderr:     os.Stderr,
		lookupEnv:  os.LookupEnv,
		interrupts: in,
	})
}

// process is what a command may touch of the process it runs in. The demo
// and tests pass their own.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(name string) (value string, found bool)
	clock          func() time.Time // nil: the system's
	interrupts     *interrupts      // nil: signals are not ours to handle
}

// now is the time by the process's clock.
func (p process) now() time.Time {
	if p.clock != nil {
		return p.clock()
	}
	return time.Now()
}

// env returns an environment variable, or "".
func (p process) env(name string) string {
	if v, ok := p.lookupEnv(name); ok {
		return v
	}
	return ""
}
