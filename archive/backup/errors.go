package backup

import (
	"errors"
	"fmt"
	"strings"
)

// ProjectError says that a project named in [Options.Projects] cannot be
// captured, because it is not there or because its name is not unique.
type ProjectError struct {
	Name       string   // as it was given
	Source     string   // the resource
	Candidates []string // ids of the projects that share the name; none: there is no such project
}

// Error names the project and says what to do.
func (e *ProjectError) Error() string {
	if len(e.Candidates) == 0 {
		return fmt.Sprintf("%s has no project named %q, nor one with that id; nothing was captured, check the name", e.Source, e.Name)
	}
	return fmt.Sprintf("%s has %d projects named %q; nothing was captured, name one by its id: %s",
		e.Source, len(e.Candidates), e.Name, strings.Join(e.Candidates, ", "))
}

// ErrStopped is why a backup ended that [Options.Stop] asked to.
var ErrStopped = errors.New("asked to stop")

// InterruptedError says that a backup was stopped, by its context or by
// [Options.Stop], before its archive was written. What was stored by then
// stays in the vault, and the vault's journal names it.
type InterruptedError struct {
	Source string
	Stored int64 // objects this run added to the vault
	Err    error // the context's, or ErrStopped
}

// Error says what is kept and how to go on.
func (e *InterruptedError) Error() string {
	return fmt.Sprintf("the backup of %s was interrupted before its archive was written: %d objects that it stored stay in the vault and will not be stored again; run the same command to go on",
		e.Source, e.Stored)
}

// Unwrap returns the context's error, or [ErrStopped].
func (e *InterruptedError) Unwrap() error { return e.Err }

// NothingCapturedError says that every project failed, so that no archive
// was written.
type NothingCapturedError struct {
	Source string
	Err    error // of the first project
}

// Error gives the first project's reason.
func (e *NothingCapturedError) Error() string {
	return fmt.Sprintf("nothing of %s could be captured and no archive was written: %v", e.Source, e.Err)
}

// Unwrap returns the first project's reason.
func (e *NothingCapturedError) Unwrap() error { return e.Err }
