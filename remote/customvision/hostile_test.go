package customvision

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"cvarchive/manifest"
)

// checkHostile makes sure that an error of somebody else's making is one
// that a caller can use and a terminal can show.
func checkHostile(t *testing.T, operation string, err error) {
	t.Helper()
	se, ok := errors.AsType[*manifest.ServiceError](err)
	if !ok || se.Operation != operation || se.Resource != "prod-weu" {
		t.Errorf("%s: %T %v", operation, err, err)
	}
	text := err.Error()
	if len(text) > 4<<10 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%s: not a sentence: %.300q", operation, text)
	}
	if strings.Contains(text, testKey) {
		t.Errorf("%s: the key is in %s", operation, text)
	}
}

// Answers that decode to far more than they have bytes are refused while
// they are only bytes.
func TestWideAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"list of zeros":    "[" + strings.Repeat("0,", 10<<20) + "0]",
		"list of objects":  "[" + strings.Repeat("{},", 5<<20) + "{}]",
		"regions":          `[{"regions":[` + strings.Repeat("{},", 5<<20) + `{}]}]`,
		"metadata":         `[{"metadata":{` + strings.Repeat(`"":"",`, 3<<20) + `"":""}}]`,
		"deep":             strings.Repeat(`{"a":[`, 1<<20),
		"deep, and closed": "[" + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + "]",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
				return response(r, http.StatusOK, body), nil
			})))
			grown := allocated(func() {
				_, err := c.Images(t.Context(), pid, manifest.ImageQuery{})
				if err == nil {
					t.Fatal("accepted")
				}
				checkHostile(t, "GetImages", err)
			})
			// The answer itself is copied and grown into.
			if most := uint64(16*len(body) + 4<<20); grown > most {
				t.Errorf("an answer of %d MiB took %d MiB", len(body)>>20, grown>>20)
			}
		})
	}
}

// allocated returns how many bytes were allocated, freed or not.
func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	runtime.GC()
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// An answer of zeros that gzip makes a thousandth of is bounded by what it
// unpacks to.
func TestGzipBomb(t *testing.T) {
	var bomb bytes.Buffer
	z, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	for range 2 * maxAnswer >> 20 {
		if _, err := z.Write(spaces); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	c := dial(t, fast(s.URL))
	_, err = c.Projects(t.Context())
	if err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") || len(s.seen()) != 1 {
		t.Errorf("%d requests: %v", len(s.seen()), err)
	}
}

// FuzzAnswers: whatever a service answers, to whatever was asked, is either a
// result or an error that names the operation and can be shown.
func FuzzAnswers(f *testing.F) {
	ops := operations()
	statuses := []int{200, 201, 204, 207, 301, 400, 401, 403, 404, 409, 411, 416, 422}
	for i, op := range ops {
		f.Add(uint8(i), uint8(0), op.answer, "")
	}
	f.Add(uint8(0), uint8(5), `{"code":"BadRequest\u001b[31m","message":"`+testKey+` \u202e"}`, "req-1")
	f.Add(uint8(0), uint8(6), `{"error":{"code":7,"message":{"a":["Training-Key: `+testKey+`"]}}}`, "\u009b")
	f.Add(uint8(0), uint8(10), "<html><head><title>411</title></head><h1>Length\x1b\r\nRequired</h1>", "")
	f.Add(uint8(0), uint8(5), `<Error><Code>X</Code><Message>see https://h/x?sig=a</Message></Error>`, "")
	f.Add(uint8(4), uint8(0), `[{"id":7},null,{"tags":[[]]}]`, "")
	f.Add(uint8(3), uint8(4), "", "https://h.example/\x01")
	f.Fuzz(func(t *testing.T, which, status uint8, body, header string) {
		op := ops[int(which)%len(ops)]
		c := dial(t, withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
			resp := response(r, statuses[int(status)%len(statuses)], body,
				"Content-Type", header, "Apim-Request-Id", header, "X-Ms-Error-Code", header, "Content-Range", header)
			return resp, nil
		})))
		if _, err := op.call(t.Context(), c); err != nil {
			operation := strings.FieldsFunc(op.name, func(r rune) bool { return !unicode.IsLetter(r) })[0] // the rest says which variant
			checkHostile(t, operation, err)
		}
	})
}

// A body that never ends is cut where the caller's limit is; one that says a
// huge size allocates nothing for it.
func TestEndlessDownload(t *testing.T) {
	c := dial(t, withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
		resp := response(r, http.StatusOK, "")
		resp.Body, resp.ContentLength = io.NopCloser(&endless{}), 1<<60
		return resp, nil
	})))
	grown := allocated(func() {
		body, size, err := c.Download(t.Context(), pid, manifest.NewSecret("https://blob.example/o-1?sig=x"), 0)
		if err != nil || size != 1<<60 {
			t.Fatalf("size %d: %v", size, err)
		}
		defer body.Close()
		if n, err := io.CopyN(io.Discard, body, 32<<20); err != nil {
			t.Errorf("after %d bytes: %v", n, err)
		}
	})
	if grown > 2<<20 {
		t.Errorf("took %d KiB", grown>>10)
	}
}
