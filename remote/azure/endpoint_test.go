package azure

import (
	"strings"
	"testing"
)

func TestCheckEndpoint(t *testing.T) {
	for _, raw := range []string{
		"https://westeurope.api.cognitive.microsoft.com",
		" https://account.blob.core.windows.net/container?sv=1&sig=x ",
		"http://127.0.0.1:8080/westeurope",
		"http://127.8.9.10",
		"http://[::1]:10000/devstoreaccount1",
		"http://LOCALHOST:1",
	} {
		if _, err := CheckEndpoint(raw); err != nil {
			t.Errorf("CheckEndpoint(%q): %v", raw, err)
		}
	}
	for raw, want := range map[string]string{
		"":                                   "is empty",
		"westeurope.api.cognitive.com":       "not a full URL",
		"http://example.com/x?sig=PLANTED":   "in the clear",
		"http://127.0.0.1.example.com":       "in the clear",
		"http://localhost.example.com":       "in the clear",
		"ftp://localhost/x":                  "not an https URL",
		"https://user:PLANTED@example.com":   "user name or password",
		"https://exa mple.com/?sig=PLANTED":  "not a URL",
		"https:///path?sig=PLANTED":          "not a full URL",
		"http://0.0.0.0/":                    "in the clear",
		"http://[::ffff:10.0.0.1]/?sv=1":     "in the clear",
		"https://host/%zz?sv=1&sig=PLANTED":  "not a URL",
		"//example.com?sig=PLANTED#PLANTED":  "not a full URL",
		"http://example.com#sig=PLANTED":     "in the clear",
		"AccountName=a;AccountKey=PLANTED==": "not a full URL",
		"opaque:PLANTED?sig=PLANTED&sv=1234": "not a full URL",
	} {
		_, err := CheckEndpoint(raw)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CheckEndpoint(%q) = %v, want an error with %q", raw, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "PLANTED") {
			t.Errorf("CheckEndpoint(%q) shows a secret: %v", raw, err)
		}
	}
}
