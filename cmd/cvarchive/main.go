package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() { os.Exit(start()) }

// start runs the program and returns its exit status. It is apart from main
// so that everything deferred has run before the process ends.
func start() int {
	ctx, stop := interruptible(context.Background())
	defer stop()
	return run(ctx, os.Args[1:], process{
		stdin:     os.Stdin,
		stdout:    os.Stdout,
		stderr:    os.Stderr,
		lookupEnv: os.LookupEnv,
	})
}

// interruptible returns a context that the first signal ends, so that the
// work in hand stops in good order. By then signals have their usual effect
// again: a second one ends the process at once.
func interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	signalled, release := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	context.AfterFunc(signalled, func() {
		cause := context.Cause(signalled)
		release()
		cancel(cause)
	})
	return ctx, release
}

// process is what a command may touch of the process it runs in. The demo
// and tests pass their own.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(name string) (value string, found bool)
	clock          func() time.Time // nil: the system's
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
	v, _ := p.lookupEnv(name)
	return v
}
