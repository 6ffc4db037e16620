package azure

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

const (
	redacted = "[redacted]"
	// shortestSecret is in bytes. Keys of services have 32 and more.
	shortestSecret = 4
)

// allowedQuery lists, in lower case, the query keys whose values may be
// shown: they select or shape, none of them grants.
func allowedQuery() []string {
	return []string{
		// Blob Storage, and the harmless part of a SAS
		"api-version", "blockid", "blocklisttype", "comp", "delimiter", "include", "marker", "maxresults", "prefix",
		"restype", "se", "snapshot", "sp", "spr", "sr", "srt", "ss", "st", "sv", "timeout", "versionid",
		// Custom Vision
		"allimages", "alliterations", "classificationtype", "domainid", "flavor", "forcetrain", "iterationid",
		"orderby", "overlapthreshold", "overwrite", "platform", "reservedbudgetinhours", "skip", "tagids",
		"taggingstatus", "take", "targetexportplatforms", "threshold", "trainingtype", "type",
	}
}

// allowedHeaders lists, in lower case, the headers whose values may be shown.
func allowedHeaders() []string {
	return []string{
		"apim-request-id", "content-length", "content-range", "content-type", "etag", "if-match", "if-none-match",
		"range", "request-id", "retry-after", "x-ms-access-tier", "x-ms-blob-type", "x-ms-client-request-id",
		"x-ms-error-code", "x-ms-range", "x-ms-request-id", "x-ms-version",
	}
}

// RedactURL returns a URL that may be shown: without user, fragment and every
// query key that is not known to be harmless. Text that is no URL at all
// becomes "[unreadable URL]".
func RedactURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "[unreadable URL]"
	}
	return redactURL(u)
}

func redactURL(u *url.URL) string {
	v := *u
	v.User, v.Fragment, v.RawFragment, v.ForceQuery = nil, "", "", false
	v.RawQuery = redactQuery(u.RawQuery)
	if v.Opaque != "" {
		v.Opaque = redacted
	}
	// A connection string in a URL's place parses as a path.
	return sigPattern.ReplaceAllString(v.String(), "$1$2$3"+redacted)
}

func redactQuery(raw string) string {
	allowed := allowedQuery()
	pairs := strings.Split(raw, "&")
	pairs = slices.DeleteFunc(pairs, func(pair string) bool {
		key, _, _ := strings.Cut(pair, "=")
		return !slices.Contains(allowed, strings.ToLower(key))
	})
	return strings.Join(pairs, "&")
}

var (
	urlPattern = regexp.MustCompile(`(?i)\bhttps?://[^\s"'<>\\]+`)
	// sigPattern finds "sig=…" and its like outside a URL that could be
	// parsed: in a bare SAS, in JSON with & written \u0026, and percent-
	// encoded once or twice.
	sigPattern = regexp.MustCompile(`(?i)(\b|u0026|%26|%2526|%3F)(sig|token|key|password|secret|accountkey|sharedaccesskey|sharedaccesssignature|(?:access|refresh|id)_token|client_secret|client_assertion)(=|%3D|%253D)[^\s&"'<>;,\\]+`)
	// headerPattern finds credentials written as a header or a field.
	headerPattern = regexp.MustCompile(`(?i)\b((?:training|prediction|ocp-apim-subscription|api|x-functions)-?key|authorization|x-ms-copy-source-authorization|token|sharedaccesssignature)("?\s*:\s*"?)((?:bearer|basic|sharedkey|sharedkeylite)\s+)?[^\s"',;<>]{6,}`)
	schemePattern = regexp.MustCompile(`(?i)\b(bearer|basic|sharedkey|sharedkeylite)\s+[A-Za-z0-9+/=._:~-]{16,}`)
	jwtPattern    = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)*`)
	// keyPattern finds what looks like an account key or signature (padded
	// base64) or a long key of Azure AI services.
	keyPattern = regexp.MustCompile(`\b(?:[A-Za-z0-9+/]{42,86}={1,2}|[A-Za-z0-9]{84}\b)`)
)

// Scrub takes out of free text, such as a service's error message, whatever
// could be a credential: the SAS parts of URLs, key=value and header-like
// spellings, bearer tokens. The given secrets are taken out to the letter,
// unless they are so short that they are none and half of the text would go.
func Scrub(text string, secrets ...string) string {
	for _, s := range secrets {
		if len(s) >= shortestSecret {
			text = strings.ReplaceAll(text, s, redacted)
			text = strings.ReplaceAll(text, url.QueryEscape(s), redacted)
		}
	}
	text = urlPattern.ReplaceAllStringFunc(text, RedactURL)
	text = sigPattern.ReplaceAllString(text, "$1$2$3"+redacted)
	text = headerPattern.ReplaceAllString(text, "$1$2"+redacted)
	text = schemePattern.ReplaceAllString(text, "$1 "+redacted)
	text = jwtPattern.ReplaceAllString(text, redacted)
	return keyPattern.ReplaceAllString(text, redacted)
}

// OneLine makes text fit for an error sentence: white space, and what steers a
// terminal or changes the direction of text, become single spaces, and what is
// longer than limit runes is cut.
func OneLine(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}
