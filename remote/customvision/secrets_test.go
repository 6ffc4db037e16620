package customvision

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"cvarchive/manifest"
)

// Whatever the service answers, no error and no log line shows the key, the
// token or a signature, even where the answer repeats them.
func TestSecretsStayInside(t *testing.T) {
	const signed = "https://h/x?sv=1&sig=PLANTED%2Bx"
	secrets := []string{testKey, "PLANTED", "a%2Bb%252Fc", "a+b%2Fc"}
	answers := map[string]http.HandlerFunc{
		"error": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Apim-Request-Id", "r-1 sig=PLANTED")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"code":%q,"message":%q}`, r.Header.Get("Training-Key"), "sent to "+signed+" "+r.URL.String()+" with "+r.Header.Get("Training-Key"))
		},
		"text": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "Training-Key: %s\n%s", r.Header.Get("Training-Key"), r.URL.String())
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://example.com/?sig=PLANTED&token="+testKey)
			w.WriteHeader(http.StatusFound)
		},
		"throttled": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After-Ms", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, signed)
		},
		"lost": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"odd":  func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `%q`, testKey+signed) },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			s := serve(t, answer)
			var log bytes.Buffer
			o := fast(s.URL)
			o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			c := dial(t, o)
			var texts []string
			for _, op := range operations() {
				result, err := op.call(t.Context(), c)
				texts = append(texts, fmt.Sprintf("%v %+v %#v", err, err, result))
			}
			for _, link := range []string{s.URL + "/o-1?sv=1&sig=PLANTED", "i-p/o-1?sig=PLANTED"} {
				_, _, err := c.Download(t.Context(), pid, manifest.NewSecret(link), 0)
				texts = append(texts, fmt.Sprint(err))
			}
			texts = append(texts, log.String())
			for _, text := range texts {
				for _, secret := range secrets {
					if strings.Contains(text, secret) {
						t.Errorf("%q shows in:\n%.2000s", secret, text)
					}
				}
			}
			if !strings.Contains(log.String(), "GET") || name == "throttled" && !strings.Contains(log.String(), "slow down") {
				t.Errorf("the log is:\n%.500s", log.String())
			}
		})
	}
}
