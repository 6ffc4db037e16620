package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interrupts are the signals that ask the program to end. The first one ends
// its context, so that the work in hand stops in good order; by then signals
// have their usual effect again, and the next one ends the process at once.
// A command that can finish what it has begun asks for the first signal
// itself, with gently; then the second one ends the context.
type interrupts struct {
	signals chan os.Signal
	cancel  context.CancelFunc
	stop    chan struct{} // closed when the program is over
	once    sync.Once

	mu     sync.Mutex
	gentle chan struct{} // nil: nobody asked
}

// interruptible returns a context that the signals end, and the signals.
func interruptible(parent context.Context) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancel(parent)
	in := &interrupts{signals: make(chan os.Signal, 1), cancel: cancel, stop: make(chan struct{})}
	signal.Notify(in.signals, os.Interrupt, syscall.SIGTERM)
	go in.watch()
	return ctx, in
}

func (in *interrupts) watch() {
	for {
		select {
		case <-in.stop:
			return
		case <-in.signals:
		}
		if gentle := in.take(); gentle != nil {
			close(gentle)
			continue
		}
		signal.Stop(in.signals)
		in.cancel()
		return
	}
}

// take returns who asked for the next signal, once.
func (in *interrupts) take() chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	gentle := in.gentle
	in.gentle = nil
	return gentle
}

// gently returns a channel that the first signal closes, in place of ending
// the context. It never closes where signals are not handled.
func (in *interrupts) gently() <-chan struct{} {
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.gentle = make(chan struct{})
	return in.gentle
}

// release gives signals their usual effect again.
func (in *interrupts) release() {
	in.once.Do(func() {
		signal.Stop(in.signals)
		close(in.stop)
		in.cancel()
	})
}
