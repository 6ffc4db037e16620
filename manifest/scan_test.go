package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/archivetest"
	"cvarchive/manifest"
)

// The lines that cvarchive writes are those that have a reader of their own;
// a record that it gave up on would be read several times slower.
func TestWrittenLinesAreScanned(t *testing.T) {
	img := fullImage()
	img.Metadata = map[string]string{"ملاحظة": "سليم", "b": ""}
	img.Regions[0].Top = "1e-7" // may be too large
	line, err := manifest.AppendImage(nil, &img)
	if err != nil {
		t.Fatal(err)
	}
	var got manifest.Image
	if _, ok := manifest.ScanImage(line, &got); !ok {
		t.Fatalf("left to the general decoder: %s", line)
	}
	if diff := cmp.Diff(img, got); diff != "" {
		t.Error(diff)
	}
	for _, img := range archivetest.Typical(10) {
		var got manifest.Image
		if line, err = manifest.AppendImage(nil, &img); err != nil {
			t.Fatal(err)
		}
		if checked, ok := manifest.ScanImage(line, &got); !ok || !checked {
			t.Errorf("taken %t, known to be valid %t: %s", ok, checked, line)
		}
		if diff := cmp.Diff(img, got); diff != "" {
			t.Error(diff)
		}
	}
}

// FuzzScan: what the reader of regular lines takes, it reads as the general
// decoder does.
func FuzzScan(f *testing.F) {
	f.Add([]byte(fullLine))
	f.Add([]byte(`{"id":"` + idA + `"}`))
	for _, part := range []string{
		`,"width":-0,"height":01`, `,"width":9223372036854775808`, `,"width":1.0`, `,"width":null`, `,"tags":[]`, `,"tags":[{}],"iterations":[""]`,
		`,"metadata":{"a":"1","a":"2"}`, `,"metadata":{}`, `,"blob":"a\u0062"`, `,"blob":"x","blob":"y"`, `,"BLOB":"x"`, `,"x":1,"x":2`,
		`,"tags":[["t",0]],"regions":[[0,"r",0,0.5,-1.,1e5,-]]`, `,"tags":[["t",""]],"regions":[[0,"",0.0,1,2,3,4,""],[00,"",-0,1,2,3,4]]`,
		`,"created":"2019-06-19T23:02:39.8757957","tags":[["0123456789abcdef0123456789abcdef",86400.0000001]],"regions":[[0,"0123456789ABCDEF0123456789abcdef",-1e3,1,2,3,4],[0,"",-1,1,2,3,4]]`,
		`,"object":["AB",-5,"jpg"]`, `,"object":["0000000000000000000000000000000000000000000000000000000000000000",-0,"JPG"]`, `,"object":{"sha256":"AB"}`,
		`,"failure":{"item":"","message":"m","more":1}`, `,"x":[1,{"y":"]\\\""}],"":{}`, `,"x":}`, `,"x":[}]`, `,"x":tru`, ` `, `,"id":"z"`, `,"K":1,"K":2`,
	} {
		f.Add([]byte(`{"id":"` + idA + `"` + part + `}`))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var fast, general manifest.Image
		checked, ok := manifest.ScanImage(line, &fast)
		if !ok {
			return
		}
		validity := fast.Validate()
		if checked && validity != nil {
			t.Fatalf("said to be valid: %v", validity)
		}
		if err := manifest.DecodeAsAny(line, &general); fmt.Sprint(err) != fmt.Sprint(validity) {
			t.Fatalf("one says %v, the other %v", validity, err)
		}
		if diff := cmp.Diff(general, fast); diff != "" {
			t.Fatalf("read differently (-general +fast):\n%s", diff)
		}
	})
}

// A line that pretends to have a million regions costs no memory for them.
func TestScanIsBounded(t *testing.T) {
	line := []byte(`{"id":"` + idA + `","regions":[[0,` + strings.Repeat(`"",`, 1<<20) + `]]}`)
	n := testing.AllocsPerRun(1, func() { manifest.ScanImage(line, new(manifest.Image)) })
	if n > 10 {
		t.Errorf("%v allocations", n)
	}
}
