package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"cvarchive/manifest/plain"
)

// writeJSON writes one JSON value and a newline with a single Write.
// Characters that would steer a terminal are escaped; the value is the same.
func writeJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	text := b.String()
	if strings.IndexFunc(text, steers) >= 0 {
		text = escaped(text)
	}
	_, err := io.WriteString(w, text)
	return err
}

// steers is [plain.Hides] without the line breaks of the layout.
func steers(r rune) bool { return r != '\n' && plain.Hides(r) }

func escaped(text string) string {
	var safe strings.Builder
	for _, r := range text {
		if !steers(r) {
			safe.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&safe, `\u%04x`, unit)
		}
	}
	return safe.String()
}
