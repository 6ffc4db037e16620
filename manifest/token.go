package manifest

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// storedExport is export.json: the record and, unlike in its plain JSON
// form, the token.
type storedExport struct {
	Export
	Token string `json:"token,omitempty"`
}

// EncodeExport gives the content of export.json. It holds the token in the
// clear when the state is [TokenStored]: the result is a secret then.
func EncodeExport(e *Export) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	return encodeDocument(&storedExport{Export: *e, Token: e.Token.Reveal()}, e.Extra, documentBounds)
}

// DecodeExport reads the content of export.json.
func DecodeExport(data []byte) (Export, error) {
	var s storedExport
	if err := checkDocument(data, documentBounds); err != nil {
		return Export{}, fmt.Errorf("export: %w", err)
	}
	extra, err := decodeRecord(data, &s)
	if err != nil {
		return Export{}, fmt.Errorf("export: %w", err)
	}
	s.Export.Token, s.Extra = NewSecret(s.Token), extra
	return s.Export, s.Export.Validate()
}

// TokenExpiry reads the expiry of an export token (or of any SAS URL) from
// its se= parameter. The service calls tokens opaque, so this is a hint; ok
// is false when there is none that can be read.
func TokenExpiry(token string) (expires time.Time, ok bool) {
	_, query, found := strings.Cut(token, "?")
	if !found {
		query = token
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.EqualFold(name, "se") {
			continue
		}
		// A token that was encoded once too often has %253A for a colon.
		for range 2 {
			if decoded, err := url.PathUnescape(value); err == nil {
				value = decoded
			}
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02"} {
			if t, err := time.Parse(layout, value); err == nil {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}
