package drill

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// shortName is the length of a name that the service takes for sure, in UTF-16
// code units. Its limit is not documented.
const shortName = 50

func namePrefix(id string) string { return folderPrefix + id + "-" }

// nameOf is the temporary name of the n-th project of a drill. It is never
// longer than the archived one, which the service took, unless that is
// short: then the archived name is cut.
func nameOf(id string, n int, archived string) string {
	name := fmt.Sprintf("%s%d ", namePrefix(id), n)
	room := max(shortName, units(archived)) - units(name)
	var b strings.Builder
	b.WriteString(name)
	for _, r := range archived {
		if room -= max(1, utf16.RuneLen(r)); room < 0 {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ")
}

// units counts the UTF-16 code units of a text.
func units(s string) (n int) {
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}
