package manifest_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"cvarchive/manifest"
)

// plain fails for an error whose text could fill a screen or steer it: it may
// end up in a log, or in another archive.
func plain(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if len(text) > 1000 {
		t.Errorf("an error of %d bytes: %.200s…", len(text), text)
	}
	if strings.ToValidUTF8(text, "") != text || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("an error that is not plain text: %q", text)
	}
}

// stable decodes, encodes, and decodes what was encoded: the second time
// gives the same bytes.
func stable[T any](t *testing.T, data []byte, decode func([]byte) (T, error), encode func(T) ([]byte, error)) {
	t.Helper()
	record, err := decode(data)
	if err != nil {
		plain(t, err)
		return
	}
	first, err := encode(record)
	if err != nil {
		t.Fatalf("decoded, and not encoded: %v", err)
	}
	again, err := decode(first)
	if err != nil {
		t.Fatalf("encoded, and not decoded: %v\n%s", err, first)
	}
	if second, err := encode(again); err != nil || string(first) != string(second) {
		t.Fatalf("not stable (%v):\n%s\n%s", err, first, second)
	}
}

// FuzzDocument: each of the JSON members of an archive decodes to what it
// encodes to, or is refused with plain words.
func FuzzDocument(f *testing.F) {
	const kinds = 5
	f.Add(uint8(0), []byte(`{"id":"`+idA+`","name":"ネジ","settings":{"domainId":"`+idT+`","imageProcessingSettings":{"augmentationMethods":{"rotation":true}}},"drModeEnabled":false,"x":[1]}`))
	f.Add(uint8(1), []byte(`[{"id":"`+idT+`","name":"a","description":"","type":"Negative","imageCount":3}]`))
	f.Add(uint8(2), []byte(`[{"id":"`+idT+`","status":"Completed","performance":{"threshold":0.5,"perTagPerformance":[{"id":"`+idA+`","recall":1}]},"models":[{"platform":"ONNX","object":{"sha256":"`+digest(2).String()+`","size":1,"ext":"zip"}}]}]`))
	f.Add(uint8(3), []byte(`{"imageCount":3,"tokenState":"stored","token":"https://h/p?se=2020-10-27&sig=x"}`))
	index, err := manifest.EncodeManifest(sampleManifest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(4), index)
	f.Add(uint8(0), []byte(`{"id":"`+idA+`","name":"\u001b[31m","settings":{"domainId":"../../x","X":[{}]},"Name":"twice"}`))
	f.Add(uint8(1), []byte(`[{"id":"\u202e"},null,{}]`))
	f.Add(uint8(2), []byte(`[{"id":"`+idA+`","performance":{"precision":1e999999}}]`))
	f.Add(uint8(3), []byte(`{"tokenState":"stored","token":"x","Token":null,"sealedToken":"y"}`))
	f.Add(uint8(4), []byte(`{"format":"cvarchive","formatVersion":"2.\u001b[2J"}`))
	f.Add(uint8(4), []byte(`{"format":"cvarchive","formatVersion":"1.0","members":[{"name":"../x"}]}`))
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		switch kind % kinds {
		case 0:
			stable(t, data, manifest.DecodeProject, func(p manifest.Project) ([]byte, error) { return manifest.EncodeProject(&p) })
		case 1:
			stable(t, data, manifest.DecodeTags, manifest.EncodeTags)
		case 2:
			stable(t, data, manifest.DecodeIterations, manifest.EncodeIterations)
		case 3:
			stable(t, data, manifest.DecodeExport, func(e manifest.Export) ([]byte, error) { return manifest.EncodeExport(&e) })
		case 4:
			stable(t, data, manifest.DecodeManifest, manifest.EncodeManifest)
		}
	})
}

// FuzzToken: the expiry that is read from a token is one that a token can
// say, and no way of printing a token shows it.
func FuzzToken(f *testing.F) {
	f.Add("https://h/prjexp-1/project-export-info?sv=2017-04-17&sr=b&sig=PLANTED%3D&se=2020-10-27T16%3A12%3A00Z&sp=r")
	f.Add("?se=2020-10-27T16:12Z")
	f.Add("SE=2020-10-27&se=soon")
	f.Add("https://h/p?se=2020-10-27T18%253A12%253A00%252B02%253A00")
	f.Add("se=%25%32%35&se=%zz")
	f.Add("\x1b[2J\x00?&=&&se")
	f.Fuzz(func(t *testing.T, token string) {
		if end, ok := manifest.TokenExpiry(token); ok {
			if end.Location() != time.UTC {
				t.Errorf("expiry %v is not UTC", end)
			}
			said := end.Format(time.RFC3339Nano)
			if again, ok := manifest.TokenExpiry("https://h/p?sv=1&se=" + url.QueryEscape(said) + "&sig=x"); !ok || !again.Equal(end) {
				t.Errorf("%s is read as %v", said, again)
			}
			if stamp, err := manifest.Timestamp(said).Time(); err != nil || !stamp.Equal(end) {
				t.Errorf("%s is no timestamp: %v", said, err)
			}
		}
		if token == "" {
			return
		}
		// What is shown of one secret is what is shown of any.
		if got, want := shown(t, token), shown(t, "another"); got != want {
			t.Errorf("shown as %s", got)
		}
	})
}

// shown prints a token in all the ways there are.
func shown(t *testing.T, token string) string {
	t.Helper()
	e := manifest.Export{Token: manifest.NewSecret(token), State: manifest.TokenStored}
	data, err := json.Marshal(&e)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})).Info("token", "is", e.Token, "in", e)
	text := fmt.Sprintf("%s %v %+v %#v %q %x %d ", e.Token, e, e, e.Token, e.Token, e.Token, e.Token)
	return text + string(data) + log.String()
}
