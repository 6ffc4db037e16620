package manifest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"cvarchive/manifest"
)

// Documents that are as wide as is read stay within a few times their size,
// wider ones are refused before they are decoded.
func TestWideDocuments(t *testing.T) {
	fields := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%x":1`, i)
		}
		return b.String()
	}
	for _, test := range []struct {
		fields int
		want   string
		most   uint64 // bytes allocated in all, for each byte of input
	}{
		{490_000, "", 60},
		{510_000, "more than 500000 fields", 0},
	} {
		data := []byte(`{"id":"` + idA + `"` + fields(test.fields) + `}`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := manifest.DecodeProject(data)
		runtime.ReadMemStats(&after)
		if got := fmt.Sprint(err); !strings.Contains(got, test.want) || (err == nil) != (test.want == "") {
			t.Errorf("%d fields: %v", test.fields, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > test.most*uint64(len(data))+64<<10 {
			t.Errorf("%d fields, %d bytes, took %d bytes", test.fields, len(data), took)
		}
	}
}
