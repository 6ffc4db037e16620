package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
)

// The lines that cvarchive writes are those that have a reader of their own;
// a record that it gave up on would be read several times slower.
func TestWrittenLinesAreScanned(t *testing.T) {
	img := fullImage()
	img.Metadata = map[string]string{"ملاحظة": "سليم", "b": ""}
	line, err := manifest.AppendImage(nil, &img)
	if err != nil {
		t.Fatal(err)
	}
	var got manifest.Image
	if !manifest.ScanImage(line, &got) {
		t.Fatalf("left to the general decoder: %s", line)
	}
	if diff := cmp.Diff(img, got); diff != "" {
		t.Error(diff)
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
		`,"regions":[{"left":0.5,"top":-1.,"width":1e5,"height":-}]`, `,"regions":[{"tagId":"t","top":1,"left":2}]`,
		`,"regions":[{"tagId":"t","box":[1,2,3,4]},{"tagId":"t","regionId":"","box":[0.1,2,3]}]`, `,"object":{"sha256":"AB","size":-5}`,
		`,"failure":{"item":"","message":"m","more":1}`, `,"x":[1,{"y":"]\\\""}],"":{}`, `,"x":}`, `,"x":[}]`, `,"x":tru`, ` `, `,"id":"z"`, `,"K":1,"K":2`,
	} {
		f.Add([]byte(`{"id":"` + idA + `"` + part + `}`))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var fast, general manifest.Image
		if !manifest.ScanImage(line, &fast) {
			return
		}
		validity := fast.Validate()
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
	line := []byte(`{"id":"` + idA + `","regions":[{"tagId":"` + strings.Repeat(`"left":`, 1<<20) + `"}]}`)
	n := testing.AllocsPerRun(1, func() { manifest.ScanImage(line, new(manifest.Image)) })
	if n > 10 {
		t.Errorf("%v allocations", n)
	}
}
