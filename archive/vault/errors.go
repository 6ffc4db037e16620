package vault

import (
	"fmt"
	"strings"

	"cvarchive/manifest"
)

// NotVaultError says that a store is not a vault: it has no marker, or the
// marker is not ours.
type NotVaultError struct {
	Store  string // as Store.String says
	Reason string
	Hint   string // what to do
}

// Error says what was found and what to do.
func (e *NotVaultError) Error() string {
	return fmt.Sprintf("%s is not a vault: %s; %s", e.Store, e.Reason, e.Hint)
}

// VersionError says that a vault was made by a newer cvarchive: of a newer
// format version, or with a feature that this program does not know.
type VersionError struct {
	Store     string
	Found     int // format version of the vault
	Supported int // newest format version that this program knows
	// Feature is what is not known, and Since the version of cvarchive that
	// knows it, as the vault says; empty when the format version is newer.
	Feature, Since string
}

// Error says which versions and what to do.
func (e *VersionError) Error() string {
	if e.Feature != "" {
		return fmt.Sprintf("the vault %s needs %s, which this cvarchive does not know; use cvarchive %s or newer", e.Store, e.Feature, e.Since)
	}
	return fmt.Sprintf("the vault %s has format version %d and this cvarchive knows versions up to %d; use a newer cvarchive",
		e.Store, e.Found, e.Supported)
}

// ObjectError says what is wrong with one object of a vault.
type ObjectError struct {
	Object manifest.Object
	Reason string // completes "object … "
	Err    error  // cause, such as fs.ErrNotExist; may be nil
}

// Error names the object and what is wrong with it.
func (e *ObjectError) Error() string {
	return fmt.Sprintf("object %s.%s %s", e.Object.SHA256, e.Object.Ext, e.Reason)
}

// Unwrap returns the cause.
func (e *ObjectError) Unwrap() error { return e.Err }

// ArchiveError says what is wrong with an archive of an encrypted vault.
type ArchiveError struct {
	Archive string // its name
	Reason  string // completes "archive … "
	Hint    string // what to do
	Err     error  // cause, such as fs.ErrNotExist; may be nil
}

// Error names the archive, what is wrong with it and what to do.
func (e *ArchiveError) Error() string {
	return fmt.Sprintf("archive %s %s; %s", e.Archive, e.Reason, e.Hint)
}

const (
	hintCopy  = "put another copy in its place, from a replicated vault"
	hintRight = "put the right file in its place, from a replicated vault"
)

// Unwrap returns the cause.
func (e *ArchiveError) Unwrap() error { return e.Err }

// RefError says that a reference names no archive, or several.
type RefError struct {
	Ref   string
	Store string
	// Candidates are the archives that the reference fits, newest first;
	// none when it fits nothing.
	Candidates []Archive
	// Empty says that the vault (or the source that Ref names) has no
	// archive at all.
	Empty bool
	// Incomplete says that Ref asks for the latest archive and that all
	// there are lost too much in their capture to be that.
	Incomplete bool
}

const shownCandidates = 8

// Error lists the candidates, or says how to find the right name.
func (e *RefError) Error() string {
	switch {
	case e.Empty:
		return fmt.Sprintf("there is no archive for %q: the vault %s holds none yet; make one with `cvarchive backup`", e.Ref, e.Store)
	case e.Incomplete:
		return fmt.Sprintf("%q is no archive: every one there is lost more in its capture than was allowed; back up again, or choose one by its name from `cvarchive list`", e.Ref)
	case len(e.Candidates) == 0:
		return fmt.Sprintf("no archive in %s is called %q; `cvarchive list` shows their names", e.Store, e.Ref)
	}
	var names []string
	for _, a := range e.Candidates[:min(len(e.Candidates), shownCandidates)] {
		names = append(names, a.Name)
	}
	more := ""
	if n := len(e.Candidates) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%q could be %d archives: %s%s; give more of the name", e.Ref, len(e.Candidates), strings.Join(names, ", "), more)
}
