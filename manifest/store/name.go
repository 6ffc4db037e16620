package store

import (
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TempPrefix begins the last element of names that stores keep for unfinished
// writes; no stored name may have it.
const TempPrefix = ".tmp-"

const (
	maxNameBytes    = 1024 // what Blob Storage allows
	maxElementBytes = 255  // what file systems allow
)

// CheckName reports why a name cannot be stored. Every store refuses such
// names, so that what fits one store fits them all, and none leaves the
// store's root.
func CheckName(name string) error {
	reason := ""
	switch {
	case !fs.ValidPath(name) || name == ".":
		reason = "it is not a relative path of plain elements"
	case len(name) > maxNameBytes:
		reason = fmt.Sprintf("it is longer than %d bytes", maxNameBytes)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, forbidden):
		reason = "it has a backslash, a colon or an unprintable character"
	}
	for element := range strings.SplitSeq(name, "/") {
		switch {
		case len(element) > maxElementBytes:
			reason = fmt.Sprintf("an element is longer than %d bytes", maxElementBytes)
		case strings.HasPrefix(element, TempPrefix):
			reason = "an element begins with " + TempPrefix + ", which is kept for unfinished writes"
		case strings.HasSuffix(element, ".") || strings.HasSuffix(element, " "):
			reason = "an element ends in a dot or a space, which not every store can keep"
		}
	}
	if reason != "" {
		return fmt.Errorf("%q cannot be a name in a vault: %s", name, reason)
	}
	return nil
}

func forbidden(r rune) bool { return r == '\\' || r == ':' || !unicode.IsPrint(r) }
