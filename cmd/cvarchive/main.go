package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

	"cvarchive/remote/azure"
)

func main() { os.Exit(start()) }

// start runs the program and returns its exit status. It is apart from main
// so that everything deferred has run before the process ends.
func start() int {
	if _, chosen := os.LookupEnv("GOMEMLIMIT"); !chosen {
		debug.SetMemoryLimit(memoryAim)
	}
	azlog.SetListener(sdkLog(os.Stderr, os.Getenv(envSDKLog)))
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

// memoryAim is what the garbage collector keeps the process to, in bytes: it
// would let it grow to twice of what is in use. What is in use may exceed it.
const memoryAim = 96 << 20

// envSDKLog is the variable with which Azure's SDK is made to log.
const envSDKLog = "AZURE_SDK_GO_LOGGING"

// sdkLog takes the place of the SDK's own log, when that is wanted: it may
// repeat what a service says, and a service may repeat what it was told.
func sdkLog(w io.Writer, wanted string) func(azlog.Event, string) {
	if wanted != "all" {
		return nil
	}
	return func(e azlog.Event, message string) {
		fmt.Fprintf(w, "%s: %s\n", e, azure.Scrub(message))
	}
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
