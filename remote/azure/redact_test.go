package azure

import (
	"strings"
	"testing"
)

func TestRedactURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://a.blob.core.windows.net/c/o-1?sv=2017-04-17&sr=b&sig=PLANTED%3D&se=2028-01-01T00%3A00%3A00Z&sp=r": "https://a.blob.core.windows.net/c/o-1?sv=2017-04-17&sr=b&se=2028-01-01T00%3A00%3A00Z&sp=r",
		"https://h/projects/import?token=PLANTED&name=x":                                                           "https://h/projects/import",
		"https://h/p?orderBy=Oldest&take=256&skip=0&SIG=PLANTED":                                                   "https://h/p?orderBy=Oldest&take=256&skip=0",
		"https://h/p?PLANTED":                         "https://h/p",
		"https://u:PLANTED@h/p?api-version=1#PLANTED": "https://h/p?api-version=1",
		"i-1/o-2?sig=PLANTED&sv=1":                    "i-1/o-2?sv=1",
		"https://h/%zz?sig=PLANTED":                   "[unreadable URL]",
	} {
		if got := RedactURL(raw); got != want {
			t.Errorf("RedactURL(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestScrub(t *testing.T) {
	const base64Key = "UExBTlRFRFBMQU5URURQTEFOVEVEUExBTlRFRFBMQU5URURQTEFOVEVEUExBTlRFRFBMQU5URURQTEFOVEVEUA=="
	for _, text := range []string{
		`cannot read https://a.blob.core.windows.net/c/o-1?sv=1&sig=PLANTED%3D&se=2, expired`,
		`the source "https://h/x?sig=PLANTED" is gone`,
		`body {"url":"https://h/x?sv=1\u0026sig=PLANTED\u0026sp=r"}`,
		`?sv=2017&sr=b&sig=PLANTED`,
		`token=https%3A%2F%2Fh%2Fx%3Fsv%3D1%26sig%3DPLANTED%253D`,
		`twice encoded: %2526sig%253DPLANTED`,
		`DefaultEndpointsProtocol=https;AccountName=a;AccountKey=PLANTED==;EndpointSuffix=x`,
		`SharedAccessSignature=sv=1&sig=PLANTED`,
		`Training-Key: PLANTED`,
		`{"Training-Key":"PLANTED"}`,
		`Ocp-Apim-Subscription-Key: PLANTED`,
		`Authorization: Bearer PLANTED.PLANTED.PLANTED`,
		`Authorization: SharedKey account:PLANTED=`,
		`sent bearer PLANTED0123456789PLANTED`,
		`"token": "PLANTED"`,
		`access_token=PLANTED&x=1`,
		`jwt eyJhbGciOiJIUzI1NiJ9.eyJQTEFOVEVEIjoxfQ.PLANTED`,
		`password=PLANTED`,
	} {
		if got := Scrub(text); strings.Contains(got, "PLANTED") {
			t.Errorf("Scrub(%q) = %q", text, got)
		}
	}
	for _, text := range []string{"key " + base64Key, strings.Repeat("aB3", 28)} {
		if got := Scrub(text); got == text {
			t.Errorf("Scrub leaves %q as it is", text)
		}
	}
	if got := Scrub("wrong key abc+def, sent as abc%2Bdef", "", "abc+def"); strings.Contains(got, "def,") || strings.HasSuffix(got, "def") {
		t.Errorf("Scrub leaves a known secret: %q", got)
	}
	if got := Scrub("a wrong key", "a"); got != "a wrong key" {
		t.Errorf("with a key that was a slip of the hand: %q", got)
	}
	for _, text := range []string{
		"BadRequestImageMetadataKey: the key is too long",
		"project 64b822c5-8082-4b36-a426-27225f4aa18c, request 0af7651916cd43dd8448eb211c80319c",
		"objects/sha256/9f/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.jpg exists",
		"the Basic tier allows 50 tags; see https://learn.microsoft.com/azure/limits.",
	} {
		if got := Scrub(text); got != text {
			t.Errorf("Scrub(%q) = %q, which takes too much", text, got)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got, want := OneLine(" a\r\n\tb\x00\x1b[31m c\xff ", 100), "a b [31m c\uFFFD"; got != want {
		t.Errorf("OneLine = %q, want %q", got, want)
	}
	if got, want := OneLine("a\u009b2J\u202eb\u2066\ufeffc\u00a0d 林檎 🍎", 100), "a 2J b c d 林檎 🍎"; got != want {
		t.Errorf("OneLine = %q, want %q", got, want)
	}
	if got, want := OneLine("äöü", 2), "äö…"; got != want {
		t.Errorf("OneLine = %q, want %q", got, want)
	}
}
