package manifest

import (
	"fmt"
	"strconv"
	"strings"
)

// FormatVersion returns the version that this package writes, "major.minor".
func FormatVersion() string { return fmt.Sprintf("%d.%d", FormatMajor, FormatMinor) }

// VersionError means that an archive has a format version that this program
// does not read.
type VersionError struct {
	Version string // as the archive has it
	Newer   bool
}

// Error implements error.
func (e *VersionError) Error() string {
	if e.Newer {
		return fmt.Sprintf("made by a newer cvarchive (format %s); this one reads format %d; update", e.Version, FormatMajor)
	}
	return fmt.Sprintf("format %s is none that cvarchive ever wrote; this one reads format %d", e.Version, FormatMajor)
}

// CheckVersion reports whether this program reads archives of the given
// format version: any minor version of [FormatMajor]. Another major version
// gives a [*VersionError].
func CheckVersion(version string) error {
	majorText, minorText, _ := strings.Cut(version, ".")
	major, err := strconv.ParseUint(majorText, 10, 16)
	if err != nil {
		return fmt.Errorf("format version %s is not of the form major.minor", quote(version))
	}
	_, err = strconv.ParseUint(minorText, 10, 16)
	if major != FormatMajor {
		if err != nil { // how a later format spells it is not ours to judge, nor to repeat
			version = majorText
		}
		return &VersionError{Version: version, Newer: major > FormatMajor}
	}
	if err != nil {
		return fmt.Errorf("format version %s is not of the form major.minor", quote(version))
	}
	return nil
}
