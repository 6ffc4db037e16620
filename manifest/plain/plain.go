// Package plain makes text of unknown origin safe to show: on a terminal, in
// a page, in a document.
package plain

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text writes control characters, those that move the cursor, change colours
// or reverse the order of what follows among them, and bytes that are not
// UTF-8 as escapes such as \n and \u202e.
func Text(s string) string {
	plain := func(r rune) bool { return r != utf8.RuneError && !Hides(r) }
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if plain(r) {
			b.WriteRune(r)
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		quoted := strconv.QuoteToASCII(s[i : i+size])
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// Hides reports whether a character changes how others are shown. Joiners
// (U+200C, U+200D) are part of ordinary names and emoji, and stay.
func Hides(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return true
	case r == '\u200c' || r == '\u200d':
		return false
	}
	return unicode.Is(unicode.Cf, r)
}
