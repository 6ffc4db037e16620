package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cvarchive/manifest/plain"
)

// Longest texts that are shown whole, in bytes. Names and descriptions of the
// service are far shorter; a hostile one must not flood the terminal.
const (
	maxText = 4000
	maxCell = 300 // of a table, which pads every row to the longest
)

// Clean makes untrusted text safe for a terminal: control characters,
// including those that move the cursor, change colours or reverse the order
// of what follows, and bytes that are not UTF-8 are written as escapes. What
// is longer than 4,000 bytes is cut.
func Clean(s string) string { return clean(s, maxText) }

func clean(s string, most int) string {
	if len(s) <= most {
		return plain.Text(s)
	}
	cut := most
	for cut > most-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%s bytes in all)", plain.Text(s[:cut]), Grouped(len(s)))
}

// Sentence makes one line of an error's text, safe for a terminal and cut like
// other text.
func Sentence(s string) string {
	return Clean(strings.Join(strings.Fields(s), " "))
}

// Bytes writes a number of bytes for people, in powers of 1024.
func Bytes(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1023.95 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// Number is any integer.
type Number interface{ ~int | ~int64 }

// Count writes a number with its noun: "1 image", "12,034 images". The
// plural is the noun with s, or the one given.
func Count[N Number](n N, noun string, plural ...string) string {
	if n != 1 {
		if noun += "s"; len(plural) > 0 {
			noun = plural[0]
		}
	}
	return Grouped(n) + " " + noun
}

// Grouped writes a number with a comma between thousands.
func Grouped[N Number](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Time writes a moment in UTC, to the second.
func Time(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// Duration writes a span to a precision that people care for.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
