package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"testing"

	"cvarchive/archive"
)

// FuzzReader opens and reads whatever it is given. Nothing may crash or run
// away, every refusal is of a kind that callers know, and what Verify finds
// whole must be readable in full.
func FuzzReader(f *testing.F) {
	golden, err := os.ReadFile(goldenFile)
	if err != nil {
		f.Fatal(err)
	}
	small, _ := write(f, archive.WriterOptions{TempDir: f.TempDir(), FrameSize: 4 << 10}, 2)
	f.Add(golden)
	f.Add(small)
	f.Add(small[:len(small)/2])
	f.Add(archive.Pack([]byte("hello"), []byte("manifest.json\x00")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := archive.NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			known(t, err)
			return
		}
		_, problems := verify(t, r)
		for _, p := range r.Manifest().Projects {
			_, err := r.Project(t.Context(), p.ID)
			for _, bad := range r.Images(t.Context(), p.ID) {
				err = errors.Join(err, bad)
			}
			if err == nil {
				continue
			}
			known(t, err)
			if len(problems) == 0 {
				t.Errorf("verified as whole, and not readable: %v", err)
			}
		}
	})
}

func known(t *testing.T, err error) {
	t.Helper()
	_, damaged := errors.AsType[*archive.CorruptError](err)
	_, version := errors.AsType[*archive.VersionError](err)
	if !damaged && !version && !errors.Is(err, archive.ErrNotArchive) {
		t.Errorf("an error of no known kind: %v", err)
	}
}

// FuzzTar does the same below the compression, where a mutated file would
// rarely get.
func FuzzTar(f *testing.F) {
	small, _ := write(f, archive.WriterOptions{TempDir: f.TempDir()}, 2)
	members, m := unpack(f, small)
	list(members, m)
	f.Add(tarOf(f, members, false), toJSON(f, m))
	f.Fuzz(func(t *testing.T, content, manifestJSON []byte) {
		if len(content) == 0 {
			return
		}
		file := archive.Pack(content, tarOf(t, []entry{{tar.Header{Name: "manifest.json"}, manifestJSON}}, true))
		r, err := archive.NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			known(t, err)
			return
		}
		verify(t, r)
	})
}
