package azure

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzRedact: whatever stands around a credential, and however it is spelled,
// it does not survive; and what is left of a text is one line.
func FuzzRedact(f *testing.F) {
	const secret = "PLANTEDPLANTED0123456789"
	encoded := "https%3A%2F%2Fh%2Fx%3Fsv%3D1%26sig%3D" + secret + "%253D"
	spellings := []string{
		"https://h/c/o-1?sv=1&sig=" + secret + "%3D&se=2",
		"https://h/x?token=" + encoded + "&name=x",
		"http://127.0.0.1:1/x?se=1&SIG=" + secret,
		"?sv=2017&sr=b&sig=" + secret,
		`{"url":"https://h/x?sv=1\u0026sig=` + secret + `\u0026sp=r"}`,
		"AccountName=a;AccountKey=" + secret + "==;EndpointSuffix=x",
		"SharedAccessSignature=sv=1&sig=" + secret,
		"Training-Key: " + secret,
		`{"Training-Key":"` + secret + `"}`,
		"Authorization: Bearer " + secret,
		"sent bearer " + secret,
		"access_token=" + secret + "&x=1",
		"%2526sig%253D" + secret,
	}
	for i := range spellings {
		f.Add("cannot read ", uint8(i), ", expired")
	}
	f.Add("https://u:p@h/a b?sv=1 ", uint8(0), "'>#")
	f.Add("https://h/#", uint8(3), "\x1b[31m")
	f.Add("http://[::1", uint8(1), "\u202e%zz")
	f.Add("sig=", uint8(8), "\xff")
	f.Fuzz(func(t *testing.T, before string, which uint8, after string) {
		spelled := spellings[int(which)%len(spellings)]
		// A letter just before would make another word of it: xsig=.
		text := before + " " + spelled + after
		if got := Scrub(text); strings.Contains(got, secret) {
			t.Errorf("Scrub(%q) = %q", text, got)
		}
		// To the letter, wherever it stands.
		text = before + secret + after
		if got := Scrub(text, secret); strings.Contains(got, secret) {
			t.Errorf("Scrub(%q) = %q, given the secret", text, got)
		}
		// In a query, whatever the rest of the URL is.
		for _, raw := range []string{before + "?sig=" + secret + "&" + after, "https://h/p?" + before + "&sig=" + secret + after, before + "&sig=" + secret} {
			got := RedactURL(raw)
			if strings.Contains(got, secret) {
				t.Errorf("RedactURL(%q) = %q", raw, got)
			}
			if u, err := url.Parse(raw); err == nil && u.User != nil {
				if password, _ := u.User.Password(); len(password) > 20 && strings.Contains(got, password) {
					t.Errorf("RedactURL(%q) = %q shows the password", raw, got)
				}
			}
		}
		line := OneLine(before+after, 100)
		if utf8.RuneCountInString(line) > 101 || !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("OneLine(%q) = %q", before+after, line)
		}
	})
}
