package archive

import (
	"errors"
	"fmt"

	"cvarchive/manifest"
)

// ErrNotArchive means that a file is something else than an archive.
var ErrNotArchive = errors.New("not a cvarchive archive; give the name of one from `cvarchive list`, or a file that `cvarchive backup` wrote")

// VersionError means that the archive has a format version that this program
// does not read.
type VersionError = manifest.VersionError

// CorruptError means that an archive is not as it was written.
type CorruptError struct {
	Member    string // the member that is affected; empty: the file as a whole
	Reason    string
	Truncated bool // the end of the file is missing
}

// Error says what is wrong with what, and what to do.
func (e *CorruptError) Error() string {
	switch {
	case e.Truncated:
		return fmt.Sprintf("the archive is cut short: %s; copy or download it again, or use another copy", e.Reason)
	case e.Member == "":
		return fmt.Sprintf("the archive is damaged: %s; use another copy", e.Reason)
	}
	return fmt.Sprintf("%s in the archive is damaged: %s; use another copy, or restore the projects that `cvarchive verify` finds whole", e.Member, e.Reason)
}

func corrupt(member, format string, args ...any) error {
	return &CorruptError{Member: member, Reason: fmt.Sprintf(format, args...)}
}
