package bundle_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"testing"

	"cvarchive/archive"
	"cvarchive/archive/bundle"
	"cvarchive/archive/progress"
	"cvarchive/manifest"
)

// numbers are objects of a few bytes, by their digests.
type numbers map[manifest.Digest][]byte

// OpenObject implements [bundle.Objects].
func (n numbers) OpenObject(_ context.Context, o manifest.Object) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(n[o.SHA256])), nil
}

// numbered returns an archive of n images, no two of which are the same, in
// projects of a thousand, and their objects.
func numbered(t testing.TB, n int) (bundle.Source, numbers) {
	t.Helper()
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	objects := numbers{}
	const each = 1000
	for p := range n / each {
		spool, err := w.NewSpool()
		if err != nil {
			t.Fatal(err)
		}
		for i := range each {
			body := binary.LittleEndian.AppendUint64(nil, uint64(p*each+i))
			o := manifest.Object{SHA256: sha256.Sum256(body), Size: int64(len(body)), Ext: "jpg"}
			objects[o.SHA256] = body
			if err := spool.Append(&manifest.Image{ID: fmt.Sprintf("bbbbbbbb-0000-4000-8000-%012d", p*each+i), Object: &o}); err != nil {
				t.Fatal(err)
			}
		}
		id := fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", p)
		members := archive.ProjectMembers{Project: manifest.Project{ID: id, Name: id}, Export: manifest.Export{State: manifest.TokenNone}}
		if err := w.AddProject(manifest.ProjectEntry{ID: id, Name: id, Outcome: manifest.Complete}, members, spool); err != nil {
			t.Fatal(err)
		}
	}
	created := spec(0).Created
	if _, err = w.Close(manifest.Manifest{
		ID: "0123abcd", Source: manifest.Source{Name: "weu", Endpoint: "https://example.test", APIVersion: "v3.3"},
		Tool: manifest.Tool{Name: "cvarchive", Version: "test"}, Started: created, Finished: created,
	}); err != nil {
		t.Fatal(err)
	}
	return bundle.Source{
		Name: "weu/20280901T020000Z-0123abcd", Path: "archives/weu/20280901T020000Z-0123abcd.tar.zst",
		File: bytes.NewReader(file.Bytes()), Size: int64(file.Len()), Objects: objects,
	}, objects
}

// live returns the bytes of the heap that are in use.
func live() int64 {
	runtime.GC()
	runtime.GC() // pools keep what they have over one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// written makes a bundle of n objects, and says how much memory is in use when
// a fifth of them and when all are in it.
func written(t testing.TB, n int, to io.Writer, opt bundle.Options) (fifth, all int64) {
	t.Helper()
	src, objects := numbered(t, n)
	opt.Progress = func(e progress.Event) {
		switch {
		case e.Kind != progress.ItemDone:
		case e.Done == int64(n/5):
			fifth = live()
		case e.Done == int64(n):
			all = live()
		}
	}
	if _, err := bundle.Write(t.Context(), src, to, opt); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(objects)
	return fifth, all
}

// readBack opens a bundle of n objects, asks for all in their order and for some
// out of it, and says how much memory it took.
func readBack(t testing.TB, file []byte) int64 {
	t.Helper()
	before := live()
	b, err := bundle.Open(t.Context(), bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := archive.NewReader(b.Archive())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var early manifest.Object
	for o, err := range r.Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if n == 100 {
			early = o
		}
		for _, o := range []manifest.Object{o, early} {
			if o.SHA256.IsZero() || n%100 > 0 && o == early {
				continue
			}
			body, err := b.OpenObject(t.Context(), o)
			if err == nil {
				_, err = io.Copy(io.Discard, body)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		n++
	}
	took := live() - before
	runtime.KeepAlive(b)
	return took
}

// In what order the index is sorted does not show.
func TestRuns(t *testing.T) {
	var runs, whole bytes.Buffer
	written(t, 2000, &runs, bundle.Options{TempDir: t.TempDir()}.InRuns(100))
	written(t, 2000, &whole, bundle.Options{})
	if !bytes.Equal(runs.Bytes(), whole.Bytes()) {
		t.Error("the index that was sorted in runs is another one")
	}
}

// Memory does not grow with the number of objects, but for the set of those
// that were seen: the index, of a hundred bytes an object, is not in it.
func TestFlat(t *testing.T) {
	const n, few = 30_000, 15_000 // the index of few is larger than a frame
	var small, large bytes.Buffer
	large.Grow(64 << 20) // so that it does not grow meanwhile
	fifth, all := written(t, n, &large, bundle.Options{TempDir: t.TempDir()}.InRuns(100))
	if grown := float64(all-fifth) / (n - n/5); grown > 40 {
		t.Errorf("writing takes %.0f bytes more for each object", grown)
	}
	written(t, few, &small, bundle.Options{})
	if grown := float64(readBack(t, large.Bytes())-readBack(t, small.Bytes())) / (n - few); grown > 40 {
		t.Errorf("reading takes %.0f bytes more for each object", grown)
	}
}

// BenchmarkObject is what each of many objects takes of the heap that is in
// use: the set of those that were seen, and nothing to speak of besides.
func BenchmarkObject(b *testing.B) {
	const n = 200_000
	for b.Loop() {
		var file bytes.Buffer
		file.Grow(512 << 20)
		fifth, all := written(b, n, &file, bundle.Options{TempDir: b.TempDir()})
		b.ReportMetric(float64(all-fifth)/(n-n/5), "write-B/object")
		b.ReportMetric(float64(readBack(b, file.Bytes()))/n, "read-B/object")
	}
}
