package simulator

import (
	"encoding/base64"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// filesBodies are bodies of CreateImagesFromFiles, with what lift says of them.
var filesBodies = []struct {
	body   string
	lifted bool
}{
	{`{"images":[{"name":"a","contents":"AAEC"},{"contents":"/+8=","name":"b","tagIds":["x"]}],"metadata":{"k":"v"}}`, true},
	{"{ \"images\" : [ { \"contents\" :\n\t\"AAEC\" } ] }", true},
	{`{"images":[{"contents":""}]}`, true},
	{`{"images":[{"contents":"AA=="}],"metadata":{"contents":"AAEC"}}`, true}, // and must stay a text
	{`{"images":[{"contents":"AAEC","contents":"/+8="}]}`, true},
	{`{"images":[{"contents":"AAEC"}],"more":{"contents":"AAEC"}}`, true},
	{`{"images":[]}`, true},
	{`{"images":[{"contents":"AAEC"}`, true}, // and is refused
	{`{"images":[{"contents":"AAEC"}]} {}`, true},
	{`{"images":[{"Contents":"AAEC"}]}`, true}, // nothing is
	{`{"images":[{"CONTENTS":-0E+0,"x":{"contents":"AAEC"}}]}`, false},
	{`{"images":[{"contents":-0E+0}]}`, false},
	{`{"images":[{"contents":null}]}`, false},
	{`{"images":[{"contents":"AA\u0045C"}]}`, false},
	{`{"images":[{"name":"\"contents\":\"AAEC\"","contents":"AAEC"}]}`, false},
	{`{"images":[{"name":"contents","contents":"AAEC"}]}`, false},
	{"{\"images\":[{\"contents\":\"AA\nEC\"}]}", false},
	{`{"images":[{"contents":"AAE"}]}`, false},
	{`{"images":[{"contents":"AAEC`, false},
}

func TestLift(t *testing.T) {
	for _, test := range filesBodies {
		if _, _, ok := lift([]byte(test.body)); ok != test.lifted {
			t.Errorf("%s: lifted %v, want %v", test.body, ok, test.lifted)
		}
		sameFiles(t, []byte(test.body))
	}
}

// FuzzLift holds that lifting changes nothing of what is understood.
func FuzzLift(f *testing.F) {
	for _, test := range filesBodies {
		f.Add([]byte(test.body))
	}
	f.Fuzz(sameFiles)
}

func sameFiles(t *testing.T, body []byte) {
	req := httptest.NewRequest("POST", "/", nil)
	req.Header.Set("Content-Type", "application/json")
	c := &call{req: req, body: body}
	got, err := c.decodeFiles()
	want, wantErr := c.decodeLifted(body, nil)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: %v, want %v", body, err, wantErr)
	}
	if wantErr != nil {
		return
	}
	plain := cmp.Transformer("plain", func(w wireContents) string {
		if w.data == nil {
			return "none"
		}
		return base64.StdEncoding.EncodeToString(w.data)
	})
	if d := cmp.Diff(want, got, plain); d != "" {
		t.Errorf("%s (-want +got):\n%s", body, d)
	}
}
