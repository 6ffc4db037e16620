package customvision

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPagesAreReadAsTheirImages: a page that is read at once says what its
// images say one by one.
func TestPagesAreReadAsTheirImages(t *testing.T) {
	const known = `{"id":"a","created":"2026-03-01T12:00:00.1234567","WIDTH":1,"thumbnailUri":"https://h/t?sig=x","metadata":{"k":"v"},
		"tags":[{"tagId":"t","tagName":null}],"regions":[{"regionId":"r","left":0.10,"top":1E-7,"width":1.0,"height":1}]}`
	for name, page := range map[string]string{
		"known": "[" + known + "," + known + "] ", "empty": "[]", "null": "null", "a null": "[null," + known + "]",
		"more":        "[" + known + `,{"id":"b","more":{"link":"https://h/x?sig=secret"}},` + known + "]",
		"in a region": "[" + known + `,{"id":"b","regions":[{"regionId":"r","more":1}]}]`,
		"twice":       `[{"id":"a","tags":[{"tagId":"t"}],"tags":[{"tagName":"n"}]}]`,
		"two answers": "[" + known + "][]", "cut": "[" + known, "no list": known, "no number": `[{"width":"1"}]`, "nothing": "",
	} {
		var want []image
		wantErr := json.Unmarshal([]byte(page), &want)
		var got imagePage
		err := got.decode([]byte(page))
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("%s: %v, want %v", name, err, wantErr)
		}
		if wantErr != nil {
			continue
		}
		if d := cmp.Diff(convert(want, image.record), convert(got, image.record), cmp.Exporter(func(reflect.Type) bool { return true })); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
