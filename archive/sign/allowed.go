package sign

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// MaxAllowed bounds a file of allowed signers, in bytes.
const MaxAllowed = 4 << 20

// AllowedSigners is a file in the format of OpenSSH that says which keys may
// sign for whom (ALLOWED SIGNERS in ssh-keygen(1)).
type AllowedSigners struct {
	name  string
	lines []allowed
}

// allowed is one line of the file.
type allowed struct {
	number     int
	principals string
	key        Key
	authority  bool   // the key signs other keys, which is not followed
	namespaces string // a pattern list; empty: all
	after      time.Time
	before     time.Time
}

// SyntaxError says what is wrong with a file of allowed signers.
type SyntaxError struct {
	File   string
	Line   int // from 1
	Reason string
}

// Error names the line.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason) }

// ParseAllowedSigners reads the file; name is for messages. A line that is not
// understood is a [*SyntaxError], for a line that is passed over could be the
// one that matters. Times without a zone are in the given one.
func ParseAllowedSigners(name string, data []byte, zone *time.Location) (*AllowedSigners, error) {
	a := &AllowedSigners{name: name}
	in := bufio.NewScanner(bytes.NewReader(data))
	in.Buffer(nil, MaxAllowed)
	for number := 1; in.Scan(); number++ {
		text := strings.TrimSpace(in.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		line, reason := parseAllowed(text, zone)
		if reason != "" {
			return nil, &SyntaxError{File: name, Line: number, Reason: reason}
		}
		line.number = number
		a.lines = append(a.lines, line)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(a.lines) == 0 {
		return nil, &SyntaxError{File: name, Line: 1, Reason: "it names no signer; a line is: NAME ssh-ed25519 AAAA…"}
	}
	return a, nil
}

// parseAllowed reads "principals [options] type key [comment]".
func parseAllowed(text string, zone *time.Location) (line allowed, reason string) {
	var rest string
	line.principals, rest = cutPrincipals(text)
	if line.principals == "" || rest == "" {
		return line, "the line has no key; it is to be: NAME ssh-ed25519 AAAA…"
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return line, "the line has no key that can be read; it is to be: NAME ssh-ed25519 AAAA…"
	}
	line.key = Key{key}
	for _, option := range options {
		if reason := line.option(option, zone); reason != "" {
			return line, reason
		}
	}
	if !line.after.IsZero() && !line.before.IsZero() && !line.after.Before(line.before) {
		return line, "valid-before is not later than valid-after"
	}
	return line, ""
}

// cutPrincipals takes the first word, which may be in quotes.
func cutPrincipals(text string) (principals, rest string) {
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		principals, rest, _ = strings.Cut(quoted, `"`)
	} else if i := strings.IndexAny(text, " \t"); i > 0 {
		principals, rest = text[:i], text[i:]
	}
	return principals, strings.TrimSpace(rest)
}

// option takes one option of a line; names are not case-sensitive.
func (l *allowed) option(option string, zone *time.Location) (reason string) {
	name, value, _ := strings.Cut(option, "=")
	value = strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
	var err error
	switch strings.ToLower(name) {
	case "cert-authority":
		l.authority = true
	case "namespaces":
		l.namespaces = value
	case "valid-after":
		l.after, err = parseMoment(value, zone)
	case "valid-before":
		l.before, err = parseMoment(value, zone)
	default:
		return fmt.Sprintf("the option %q is not known; there are cert-authority, namespaces, valid-after and valid-before", clip(name))
	}
	if err != nil || name != "" && strings.Contains(option, "=") && value == "" {
		return fmt.Sprintf("the option %s cannot have the value %q", strings.ToLower(name), clip(value))
	}
	return ""
}

// parseMoment reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in UTC with a Z
// after it.
func parseMoment(text string, zone *time.Location) (time.Time, error) {
	digits, utc := strings.CutSuffix(text, "Z")
	if utc {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(layout) == len(digits) {
			return time.ParseInLocation(layout, digits, zone)
		}
	}
	return time.Time{}, fmt.Errorf("not a time: %q", text)
}

// NotAllowedError says why nobody of the file made a signature.
type NotAllowedError struct {
	Key    Key
	File   string
	Reason string // a clause
}

// Error names the key.
func (e *NotAllowedError) Error() string {
	return fmt.Sprintf("it was made with the key %s (%s), %s", e.Key.Fingerprint(), e.Key.Type(), e.Reason)
}

// Signer returns the principals of the line that allows a signature, which was
// made at the given time: OpenSSH's patterns as they stand there. Any line of
// the file will do; otherwise the error is a [*NotAllowedError]. The signature
// itself is [Signature.Verify]'s to check.
func (a *AllowedSigners) Signer(s *Signature, made time.Time) (principals string, err error) {
	fail := &NotAllowedError{Key: s.Key(), File: a.name, Reason: "which " + a.name + " does not list"}
	if cert, ok := s.sig.PublicKey.(*ssh.Certificate); ok {
		fail.Reason = fmt.Sprintf("a certificate of %s: certificates are not followed; list the key itself, or check with ssh-keygen -Y verify", ssh.FingerprintSHA256(cert.SignatureKey))
		return "", fail
	}
	for _, line := range a.lines {
		if !s.Key().equal(line.key.public) {
			continue
		}
		reason := line.refuses(made)
		if reason == "" {
			return line.principals, nil
		}
		fail.Reason = fmt.Sprintf("which line %d of %s %s", line.number, a.name, reason)
	}
	return "", fail
}

// refuses says why a line with the right key does not allow a signature.
func (l *allowed) refuses(made time.Time) string {
	const layout = "2006-01-02 15:04:05 MST"
	switch {
	case l.authority:
		return "has as a cert-authority, which signs keys and no archives"
	case l.namespaces != "" && !matchList(Namespace, l.namespaces):
		return fmt.Sprintf("allows for the namespaces %q and not for %q", clip(l.namespaces), Namespace)
	case !l.after.IsZero() && made.Before(l.after):
		return fmt.Sprintf("allows after %s only, and the archive is of %s", l.after.UTC().Format(layout), made.UTC().Format(layout))
	case !l.before.IsZero() && made.After(l.before):
		return fmt.Sprintf("allows before %s only, and the archive is of %s", l.before.UTC().Format(layout), made.UTC().Format(layout))
	}
	return ""
}

// matchList holds a name against a pattern list of OpenSSH: patterns with * and
// ?, separated by commas; one with a ! that matches excludes the name.
func matchList(name, list string) bool {
	matched := false
	for pattern := range strings.SplitSeq(list, ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !match(name, pattern) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// match holds a name against one pattern, in time linear in both for every
// star: the last star takes what the rest does not fit.
func match(name, pattern string) bool {
	star, restart := -1, 0
	n, p := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, restart = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			n++
			p++
		case star >= 0:
			restart++
			n, p = restart, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
