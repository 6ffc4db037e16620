package bundle

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"cvarchive/manifest"
)

// TestSorter: what does not stay in memory comes out as if it did.
func TestSorter(t *testing.T) {
	for _, n := range []int{0, 1, 99, 100, 101, 200, 10_000} {
		dir := t.TempDir()
		s := newSorter(dir, 100)
		var want []string
		for i := range n {
			o := manifest.Object{SHA256: sha256.Sum256(fmt.Append(nil, i)), Size: int64(i) << 20, Ext: strings.Repeat("jpeg", 1+i%4)}
			offset := int64(i) << 30
			want = append(want, fmt.Sprintf("%s %d %s %d\n", o.SHA256, o.Size, o.Ext, offset))
			if err := s.add(o, offset); err != nil {
				t.Fatal(err)
			}
			if cap(s.run) > 2*100 {
				t.Fatalf("%d entries are in memory", cap(s.run))
			}
		}
		slices.Sort(want)
		var got bytes.Buffer
		if err := s.writeTo(&got); err != nil || got.String() != strings.Join(want, "") || s.size != int64(got.Len()) {
			t.Errorf("%d entries: %d bytes, %v", n, got.Len(), err)
		}
		if (s.file != nil) != (n > 100) {
			t.Errorf("%d entries: a file: %v", n, s.file != nil)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%v were left, %v", left, err)
		}
	}
}
