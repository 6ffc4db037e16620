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
	// Feature is what a reader must know, in the words of the program that
	// wrote the archive, and Since the first version of cvarchive that does;
	// empty: it is the version itself that is not known.
	Feature, Since string
}

// Error implements error.
func (e *VersionError) Error() string {
	if e.Feature != "" {
		return fmt.Sprintf("made by a newer cvarchive: to read it takes the feature %s, which this one does not know; update to %s or later", quote(e.Feature), quote(e.Since))
	}
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

// Requirement is a feature that a reader must know, and the first version of
// cvarchive that does. This one knows none beyond its format.
type Requirement struct {
	Feature string `json:"feature"`
	Since   string `json:"since"`
}

// CheckRequirements reports whether this program knows what it takes to read
// something of the given format version; otherwise the error is a
// [*VersionError] that names the first feature that it does not know.
func CheckRequirements(version string, required []Requirement) error {
	if len(required) == 0 {
		return nil
	}
	r := required[0]
	return &VersionError{Version: version, Newer: true, Feature: clipped(r.Feature), Since: clipped(r.Since)}
}

// clipped keeps foreign words short, and some.
func clipped(s string) string {
	const most = 60
	if s == "" {
		return "?"
	}
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}
