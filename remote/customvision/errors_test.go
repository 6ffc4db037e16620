package customvision

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"cvarchive/manifest"
)

func TestErrorShapes(t *testing.T) {
	const link = "https://h/x?sv=1&sig=PLANTED"
	for name, tc := range map[string]struct {
		status        int
		body          string
		header        []string
		code, message string
		hint          string
	}{
		"service": {400, `{"code":"BadRequestTagNameNotUnique","message":"Name not unique.\r\nTry again"}`, []string{"Apim-Request-Id", "r-1"},
			"BadRequestTagNameNotUnique", "Name not unique. Try again", "a tag of that name exists"},
		"gateway": {401, `{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}`, []string{"X-Ms-Request-Id", "r-1"},
			"401", "Access denied due to invalid subscription key", "check the training key"},
		"gateway with a number": {403, `{"error":{"code":403,"message":"Access denied due to Virtual Network/Firewall rules."}}`, []string{"Request-Id", "r-1"},
			"403", "Access denied due to Virtual Network/Firewall rules.", "network settings"},
		"management": {429, `{"statusCode":429,"message":"Rate limit is exceeded."}`, []string{"Retry-After", "9999", "Apim-Request-Id", "r-1"},
			"", "Rate limit is exceeded.", "calls_per_second"},
		"ASP.NET":      {404, `{"Message":"No HTTP resource was found"}`, []string{"Apim-Request-Id", "r-1"}, "", "No HTTP resource was found", "check the endpoint"},
		"error string": {403, `{"error":"Out of call volume quota"}`, []string{"Apim-Request-Id", "r-1"}, "", "Out of call volume quota", "quota is used up"},
		"HTML": {411, `<!DOCTYPE HTML><HTML><HEAD><TITLE>Length Required</TITLE><style>x{}</style></HEAD><BODY><h2>Length Required</h2><hr><p>HTTP Error 411. The request must be chunked &amp; so on.</p></BODY></HTML>`,
			[]string{"Apim-Request-Id", "r-1"}, "", "Length Required", ""},
		"HTML without headings": {400, `<html><body>Bad <b>thing</b></body></html>`, []string{"Apim-Request-Id", "r-1"}, "", "Bad thing", ""},
		"text":                  {403, "Forbidden by\nproxy", []string{"Apim-Request-Id", "r-1"}, "", "Forbidden by proxy", "role"},
		"JSON string":           {404, `"gone"`, []string{"Apim-Request-Id", "r-1"}, "", "gone", "check the endpoint"},
		"broken JSON":           {400, `{"code":"Bad`, []string{"Apim-Request-Id", "r-1"}, "", `{"code":"Bad`, ""},
		"nothing":               {400, "", []string{"Apim-Request-Id", "r-1"}, "", "", ""},
		"redirect":              {302, "", []string{"Location", "", "Apim-Request-Id", "r-1"}, "", "it redirects to", "does not redirect"},
		"secrets": {400, `{"code":"BadRequestImageUrl","message":"cannot read ` + link + ` with key ` + testKey + `"}`, []string{"Apim-Request-Id", "r-1"},
			"BadRequestImageUrl", "cannot read https://h/x?sv=1 with key [redacted]", ""},
		"endless": {400, `{"code":"X","message":"` + strings.Repeat("ä", 5000) + `"}`, []string{"Apim-Request-Id", "r-1"},
			"X", strings.Repeat("ä", maxMessage) + "…", ""},
		"training":         {400, `{"code":"BadRequestExportWhileTraining","message":"m"}`, []string{"Apim-Request-Id", "r-1"}, "BadRequestExportWhileTraining", "m", "being trained"},
		"disaster mode":    {403, `{"code":"ForbiddenDRModeEnabled","message":"m"}`, []string{"Apim-Request-Id", "r-1"}, "ForbiddenDRModeEnabled", "m", "read-only"},
		"dead token":       {400, `{"code":"BadRequestInvalidImportToken","message":"m"}`, []string{"Apim-Request-Id", "r-1"}, "BadRequestInvalidImportToken", "m", "rebuild"},
		"export forbidden": {403, `{"code":"Forbidden","message":"m"}`, []string{"Apim-Request-Id", "r-1"}, "Forbidden", "m", "Contributor"},
		"server":           {501, `{"code":"ErrorUnknown","message":"m"}`, []string{"Apim-Request-Id", "r-1"}, "ErrorUnknown", "m", "request id"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
				return response(r, tc.status, tc.body, tc.header...), nil
			})))
			_, err := c.ExportProject(t.Context(), pid)
			e, ok := errors.AsType[*manifest.ServiceError](err)
			if !ok {
				t.Fatalf("%v", err)
			}
			if !strings.Contains(e.Hint, tc.hint) || tc.hint == "" && e.Hint != "" {
				t.Errorf("hint %q, want %q", e.Hint, tc.hint)
			}
			if name == "redirect" {
				e.Message = tc.message
			}
			want := manifest.ServiceError{
				Resource: "prod-weu", Operation: "ExportProject", StatusCode: tc.status,
				Code: tc.code, Message: tc.message, RequestID: "r-1", Hint: e.Hint,
			}
			if d := diff(want, *e); d != "" {
				t.Error(d)
			}
			if strings.Contains(err.Error(), "PLANTED") || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%q", err)
			}
		})
	}
}

func withClient(o Options, c *http.Client) Options {
	o.HTTPClient = c
	return o
}

func TestAnswersThatAreNoAnswers(t *testing.T) {
	for name, tc := range map[string]struct{ body, want string }{
		"a captive portal": {"<html>Log in</html>", "not the JSON"},
		"an empty body":    {"", "not the JSON"},
		"another type":     {`[{"id":"x","settings":5}]`, "not the JSON"},
		"cut JSON":         {`[{"id":"x"`, "not the JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, reply(200, tc.body))
			_, err := dial(t, fast(s.URL)).Projects(t.Context())
			e, ok := errors.AsType[*manifest.ServiceError](err)
			if !ok || !strings.Contains(e.Message, tc.want) || e.Hint == "" || len(s.seen()) != 1 {
				t.Errorf("%v after %d requests", err, len(s.seen()))
			}
		})
	}
}

// endless is a body that never ends.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.read += int64(len(p))
	return len(p), nil
}

func TestAnswersAreBounded(t *testing.T) {
	calls := 0
	stream := &endless{}
	c := dial(t, withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
		calls++
		resp := response(r, 200, "")
		resp.Body, resp.ContentLength = io.NopCloser(stream), -1
		if calls == 2 {
			resp.ContentLength = 1 << 40
		}
		return resp, nil
	})))
	for range 2 {
		_, err := c.Projects(t.Context())
		if err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
			t.Errorf("%v", err)
		}
	}
	if calls != 2 || stream.read > maxAnswer+(1<<20) {
		t.Errorf("%d calls read %d bytes", calls, stream.read)
	}
}

func TestTokenExpiry(t *testing.T) {
	for token, want := range map[string]manifest.Timestamp{
		"https://h/x?se=2020-10-27T16%3A12%3A00Z&sp=r":     "2020-10-27T16:12:00Z",
		"https://h/x?se=2020-10-27T16:12Z":                 "2020-10-27T16:12:00Z",
		"https://h/x?se=2020-10-27T18%3A12%3A00%2B02%3A00": "2020-10-27T16:12:00Z",
		"https://h/x?se=2020-10-27":                        "2020-10-27T00:00:00Z",
		"https://h/x?se=soon":                              "",
		"https://h/x":                                      "",
		"opaque":                                           "",
		"":                                                 "",
	} {
		if got := tokenExpiry(token); got != want {
			t.Errorf("tokenExpiry(%q) = %q, want %q", token, got, want)
		}
	}
}

func TestBlobOf(t *testing.T) {
	for _, tc := range []struct{ original, resized, want string }{
		{"https://h/i-p/o-1?sig=a", "https://h/i-p/i-1?sig=b", manifest.BlobOriginal},
		{"https://h/i-p/i-1?sig=a", "https://h/i-p/i-1?sig=b", manifest.BlobResized},
		{"https://h/i-p/i-1?sig=a", "", manifest.BlobResized},
		{"http://h:1/i-p/x-1?sig=a%3D&se=#", "http://h:1/i-p/x-1?sig=b%2B", manifest.BlobResized},
		{"https://h/i-p/x%2D1?sig=a%3D", "https://h/i-p/x-1?sig=b%2B", manifest.BlobResized},
		{"https://h/i-p/x-1?sig=a%3D", "https://h/i-p/y-1?sig=a%3D", manifest.BlobOriginal},
		{"https://h/i-p/x-1", "https://h/i-p/x-1", manifest.BlobResized},
		{"https://h/i-p/x-1", "https://h/i-p/i-1", manifest.BlobOriginal},
		{"i-p/o-1", "i-p/i-1", manifest.BlobOriginal},
		{"", "https://h/i-p/i-1", manifest.BlobResized},
		{"", "", ""},
	} {
		if got := blobOf(tc.original, tc.resized); got != tc.want {
			t.Errorf("blobOf(%q, %q) = %q, want %q", tc.original, tc.resized, got, tc.want)
		}
	}
}

func TestScrubJSON(t *testing.T) {
	for raw, want := range map[string]string{
		`{"a": [1.50, "https://h/x?sv=1\u0026sig=PLANTED"]}`: `{"a":[1.50,"https://h/x?sv=1"]}`,
		`{"a" : 1.50}`:         `{"a" : 1.50}`,
		`"plain text"`:         `"plain text"`,
		`null`:                 `null`,
		`12345678901234567890`: `12345678901234567890`,
	} {
		if got := string(scrubJSON(json.RawMessage(raw))); got != want {
			t.Errorf("scrubJSON(%s) = %s, want %s", raw, got, want)
		}
	}
}
