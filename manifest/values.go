package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
	"unique"
)

// Digest is a SHA-256. Its text form, in JSON too, is 64 lower-case
// hexadecimal digits. The zero value means "not known".
type Digest [sha256.Size]byte

// ParseDigest reads the text form of a digest.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	bad := len(s) != hex.EncodedLen(len(d))
	for i := 0; i < len(s) && !bad; i += 2 {
		high, low := hexValues[s[i]], hexValues[s[i+1]]
		bad = high|low > 15 || upper(s[i]) || upper(s[i+1])
		d[i/2] = high<<4 | low
	}
	if bad {
		return Digest{}, fmt.Errorf("%s is not a SHA-256 in 64 lower-case hexadecimal digits", quote(s))
	}
	return d, nil
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }

// String returns the text form.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether the digest is not known.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText implements [encoding.TextMarshaler].
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Digest) UnmarshalText(text []byte) error {
	v, err := ParseDigest(string(text))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// Timestamp is a moment as the service wrote it. Live answers carry seven
// fraction digits and no zone ("2019-06-19T23:02:39.8757957"), the
// specification's examples end in Z; both are kept to the letter.
type Timestamp string

// Time interprets the timestamp; one without a zone is UTC.
func (t Timestamp) Time() (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if v, err := time.Parse(layout, string(t)); err == nil {
			return v.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is not a timestamp of the service", quote(string(t)))
}

const redacted = "[redacted]"

// Secret is a string that must not be shown: an export token, a key. It
// prints, marshals and logs as "[redacted]"; [Secret.Reveal] is the only way
// to its content.
//
// The content lies behind a handle, since package fmt does not ask a value in
// an unexported field how it wants to be printed. Secrets with the same content
// are equal.
type Secret struct{ handle unique.Handle[string] }

// NewSecret wraps a string.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{handle: unique.Make(s)}
}

// Reveal returns the content.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.handle.Value()
}

// IsZero reports whether there is no content.
func (s Secret) IsZero() bool { return s == Secret{} }

// Equal reports whether two secrets have the same content.
func (s Secret) Equal(other Secret) bool { return s == other }

// String implements [fmt.Stringer] and hides the content.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// GoString implements [fmt.GoStringer] and hides the content.
func (s Secret) GoString() string { return fmt.Sprintf("manifest.Secret(%q)", s.String()) }

// Format implements [fmt.Formatter] so that no verb reveals the content.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalJSON implements [json.Marshaler] and hides the content; the archive
// codec stores a token explicitly.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// LogValue implements [slog.LogValuer] and hides the content.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
