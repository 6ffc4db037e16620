package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/backup"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
)

// Exit statuses, a promise to scripts.
const (
	exitDone        = 0   // done, nothing to report
	exitFailed      = 1   // failed
	exitUsage       = 2   // the command line or the config is wrong
	exitDifferences = 3   // pending changes or differences were found
	exitNotWhole    = 4   // finished, but not whole
	exitInterrupted = 130 // stopped by a signal
)

// usageError is a command line that cannot be carried out.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...)}
}

// statusError ends a command that has already said all there is to say with
// a status other than 0.
type statusError struct{ status int }

func (e *statusError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// finish prints the result of a command, as JSON with --json and else as text
// does, and turns it into the status. pending says that changes or differences
// were found.
func (a *app) finish(c *cli.Context, result any, text func(), whole, pending bool) error {
	if !c.Bool("json") {
		text()
	} else if err := a.out.JSON(result); err != nil {
		return err
	}
	return outcomeError(whole, pending)
}

// outcomeError is the status of what was printed.
func outcomeError(whole, pending bool) error {
	switch {
	case !whole:
		return &statusError{exitNotWhole}
	case pending:
		return &statusError{exitDifferences}
	}
	return nil
}

// interruptedError is work that a signal stopped.
type interruptedError struct {
	next string // how to go on, a clause
}

func (e *interruptedError) Error() string {
	if e.next == "" {
		return "interrupted"
	}
	return "interrupted; " + e.next
}

// exitStatus is the one place where the outcome of a command becomes the
// status of the process.
func exitStatus(err error) int {
	if err == nil {
		return exitDone
	}
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.status
	}
	if _, ok := errors.AsType[*interruptedError](err); ok {
		return exitInterrupted
	}
	if _, ok := errors.AsType[*backup.InterruptedError](err); ok {
		return exitInterrupted
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*config.Error](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*vault.KeyError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// report prints an error as one line, unless it has been told already.
func report(w io.Writer, err error) {
	if _, told := errors.AsType[*statusError](err); err == nil || told {
		return
	}
	fmt.Fprintf(w, "cvarchive: %s\n", ui.Sentence(err.Error()))
}

// interrupted turns whatever a command returned after a signal into an
// interruption that says how to go on. Without a signal, err stays.
func interrupted(ctx context.Context, err error, next string) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if _, said := errors.AsType[*backup.InterruptedError](err); said {
		return err
	}
	return &interruptedError{next: next}
}
