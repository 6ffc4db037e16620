package archive_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"testing"

	"cvarchive/archive"
)

// FuzzReader opens and reads whatever it is given. Nothing may crash or run
// away, every refusal is of a kind that callers know, and what Verify finds
// whole must be readable in full.
func FuzzReader(f *testing.F) {
	golden, err := os.ReadFile("../testdata/archives/" + goldenFiles[0].file)
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

// FuzzSeekTable: a table is taken exactly when its frames fill the file and
// none is larger than is read, and a file that consists of it and zeros is
// refused with known words.
func FuzzSeekTable(f *testing.F) {
	frame := []byte{100, 0, 0, 0, 0, 2, 0, 0, 1, 2, 3, 4}
	f.Add(append(bytes.Clone(frame), checkEntry...), int64(0), false)
	f.Add(bytes.Repeat(checkEntry, 2), int64(0), false)
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), int64(-1), false)
	f.Add(seekTable(append(bytes.Clone(frame), checkEntry...)), int64(100), true)
	f.Add([]byte("\xb1\xea\x92\x8f"), int64(1)<<62, true)
	f.Fuzz(func(t *testing.T, data []byte, more int64, whole bool) {
		// Either the whole table is given, or the entries of a well-formed
		// one, and how far the file's size is off what they come to.
		table, size := data, more
		entries := data[:len(data)/12*12]
		if !whole {
			table = seekTable(entries)
			size = int64(len(table)) + more
			for e := range slices.Chunk(entries, 12) {
				size += int64(binary.LittleEndian.Uint32(e))
			}
		}
		frames, err := archive.TableFrames(table, size)
		if !whole {
			if want := soundTable(entries) && more == 0; want != (err == nil) {
				t.Errorf("sound: %v; parsed with %v", want, err)
			}
		}
		if err == nil {
			var offset, start int64
			for _, f := range frames {
				if f.Offset != offset || f.Start != start || f.Packed <= 0 || f.Size < 0 || f.Size > 16<<20 {
					t.Errorf("frame %+v, at offset %d, start %d", f, offset, start)
				}
				offset, start = offset+int64(f.Packed), start+int64(f.Size)
			}
			if offset+int64(len(table)) != size {
				t.Errorf("frames end at %d of %d", offset, size)
			}
		}
		if size < int64(len(table)) {
			return
		}
		_, err = archive.NewReader(&virtual{size, table}, size)
		if err == nil {
			t.Error("zeros are an archive")
			return
		}
		known(t, err)
	})
}

// soundTable says by itself what a reader accepts.
func soundTable(entries []byte) bool {
	n := len(entries) / 12
	if n < 2 || !bytes.Equal(entries[12*(n-1):], checkEntry) {
		return false
	}
	for e := range slices.Chunk(entries[:12*(n-1)], 12) {
		packed, size := binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint32(e[4:])
		if packed == 0 || size == 0 || size > 16<<20 || packed > 16<<20+(16<<20)/128+1024 {
			return false
		}
	}
	return true
}
