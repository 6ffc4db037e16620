package bundle_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cvarchive/archive/bundle"
)

func TestVolumes(t *testing.T) {
	data := make([]byte, 3*bundle.MinVolume+100)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "b.tar.zst")
	w := bundle.NewVolumeWriter(path, bundle.MinVolume)
	if _, err := io.Copy(w, io.MultiReader(bytes.NewReader(data[:70_001]), bytes.NewReader(data[70_001:]))); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil || w.Count() != 4 {
		t.Fatal(w.Count(), err)
	}
	w.Abandon() // does nothing after Commit
	open := func() (*bundle.Volumes, error) { return bundle.OpenVolumes(path + bundle.VolumesSuffix) }
	v, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if got, err := io.ReadAll(io.NewSectionReader(v, 0, v.Size())); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for range 100 {
		from := r.IntN(len(data))
		p := make([]byte, r.IntN(2*bundle.MinVolume))
		n, err := v.ReadAt(p, int64(from))
		if want := min(len(p), len(data)-from); n != want || (err == io.EOF) != (n < len(p)) || !bytes.Equal(p[:n], data[from:from+n]) {
			t.Fatalf("%d of %d bytes at %d: %v", n, len(p), from, err)
		}
	}

	// Nothing is replaced, and what fails leaves nothing of its own.
	again := bundle.NewVolumeWriter(path, bundle.MinVolume)
	if _, err := again.Write(data); err == nil {
		t.Error("volumes were replaced")
	}
	again.Abandon()
	other := bundle.NewVolumeWriter(filepath.Join(dir, "other"), bundle.MinVolume)
	if _, err := other.Write(data); err != nil {
		t.Fatal(err)
	}
	other.Abandon()
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 5 {
		t.Errorf("files: %q", left)
	}

	// Volumes that changed places are named, whole ones with other bytes found
	// by reading them.
	if wrong, err := v.Check(t.Context()); len(wrong) > 0 || err != nil {
		t.Errorf("%q, %v", wrong, err)
	}
	swap := func() {
		for _, names := range [][2]string{{".001", ".x"}, {".003", ".001"}, {".x", ".003"}} {
			if err := os.Rename(path+names[0], path+names[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	swap()
	_, err = open()
	for _, want := range []string{"volume b.tar.zst.001 of the bundle is the file that should be called b.tar.zst.003", "volume b.tar.zst.003 of the bundle is the file that should be called b.tar.zst.001"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("swapped volumes: %v", err)
		}
	}
	swap()
	flip := func(name string, at int64) {
		f, err := os.OpenFile(path+name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	flip(".003", 5000)
	damaged, err := open()
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := damaged.Check(t.Context())
	if err != nil || len(wrong) != 1 || !strings.Contains(wrong[0], "volume b.tar.zst.003") {
		t.Errorf("%q, %v", wrong, err)
	}
	damaged.Close()
	flip(".003", 5000)
	flip(".004", 7)
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "volume b.tar.zst.004 of the bundle does not begin as it did") {
		t.Errorf("another bundle's volume: %v", err)
	}
	flip(".004", 7)

	if err := os.Truncate(path+".002", 5); err != nil {
		t.Fatal(err)
	}
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "volume b.tar.zst.002 of the bundle has 5 bytes") {
		t.Errorf("a short volume: %v", err)
	}
	if err := os.Remove(path + ".002"); err != nil {
		t.Fatal(err)
	}
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "volume b.tar.zst.002 of the bundle is not there") {
		t.Errorf("a missing volume: %v", err)
	}
	for _, text := range []string{
		"{}", "x", `{"format":"cvarchive-volumes","formatVersion":2}`, `{"format":"cvarchive-volumes","formatVersion":1,"size":0,"volumes":[]}`,
		`{"format":"cvarchive-volumes","formatVersion":1,"size":5,"volumes":[{"name":"../x","size":5}]}`,
		`{"format":"cvarchive-volumes","formatVersion":1,"size":5,"volumes":[{"name":"b.tar.zst.001","size":9}]}`,
	} {
		if err := os.WriteFile(path+bundle.VolumesSuffix, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
