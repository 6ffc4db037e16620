package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/manifest"
	"cvarchive/manifest/testenv"
)

// countingFile counts what is asked of a file.
type countingFile struct {
	io.ReaderAt
	reads, bytes int
}

func (c *countingFile) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	c.bytes += len(p)
	return c.ReaderAt.ReadAt(p, off)
}

// On storage where each read is a request, reads are few.
func TestFewReads(t *testing.T) {
	small, _ := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 300, 20)
	sizes := make([]int, 15)
	for i := range sizes {
		sizes[i] = 800
	}
	big, sum := write(t, archive.WriterOptions{TempDir: t.TempDir(), FrameSize: 64 << 10}, sizes...)
	if len(small) > 256<<10 || len(big) < 600<<10 {
		t.Fatalf("the samples have %d and %d bytes", len(small), len(big))
	}

	c := &countingFile{ReaderAt: bytes.NewReader(small)}
	r, err := archive.NewReader(c, int64(len(small)))
	if err != nil {
		t.Fatal(err)
	}
	readFirst(t, r, r.Manifest().Projects[0].ID)
	if c.reads != 1 {
		t.Errorf("a small archive took %d reads", c.reads)
	}

	c = &countingFile{ReaderAt: bytes.NewReader(big)}
	if r, err = archive.NewReader(c, int64(len(big))); err != nil {
		t.Fatal(err)
	}
	if c.reads != 1 {
		t.Errorf("opening took %d reads", c.reads)
	}
	readFirst(t, r, sum.Manifest.Projects[2].ID)
	if c.reads > 3 { // the tail, the settings, the first images
		t.Errorf("the first record of one project of a big archive took %d reads", c.reads)
	}
	if c.bytes > 256<<10+100<<10 {
		t.Errorf("it took %d of %d bytes", c.bytes, len(big))
	}
}

// An index and a manifest that the first read does not cover are found.
func TestBigIndex(t *testing.T) {
	const images = 5000
	file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir()}, images)
	members, m := unpack(t, file)
	for i := range 2000 {
		id := sha256.Sum256(fmt.Append(nil, i))
		m.Failures = append(m.Failures, manifest.Failure{Item: hex.EncodeToString(id[:]), Message: hex.EncodeToString(id[:])})
	}
	frames := slices.Collect(slices.Chunk(tarOf(t, members, false), 64))
	index := tarOf(t, []entry{{tar.Header{Name: "manifest.json"}, toJSON(t, m)}}, true)
	frames = slices.AppendSeq(frames, slices.Chunk(index, 16<<10))
	file = archive.Pack(frames...)
	if n := 12 * len(frames); n <= 256<<10 {
		t.Fatalf("the sample has an index of %d bytes", n)
	}
	r := open(t, file)
	if diff := cmp.Diff(m, r.Manifest()); diff != "" {
		t.Errorf("manifest (-written +read):\n%s", diff)
	}
	n := 0
	for _, err := range r.Images(t.Context(), m.Projects[0].ID) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != images {
		t.Errorf("%d records", n)
	}
}

func readFirst(t *testing.T, r *archive.Reader, id string) {
	t.Helper()
	if _, err := r.Project(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for _, err := range r.Images(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
}

// The ids of a request may be written in another case; an unknown one has an
// error of its own.
func TestProjectLookup(t *testing.T) {
	file, sum := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 2)
	r := open(t, file)
	if _, err := r.Project(t.Context(), strings.ToUpper(sum.Manifest.Projects[0].ID)); err != nil {
		t.Error(err)
	}
	_, err := r.Project(t.Context(), uuid('p', 99))
	if _, ok := errors.AsType[*archive.NotFoundError](err); !ok {
		t.Errorf("unknown project: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Project(ctx, sum.Manifest.Projects[0].ID); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// An error of the storage below is passed on as what it is.
func TestReadErrors(t *testing.T) {
	broken := errors.New("connection lost")
	file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir(), FrameSize: 16 << 10}, 10000)
	c := &failingFile{ReaderAt: bytes.NewReader(file)}
	r, err := archive.NewReader(c, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	c.err = broken
	if _, err := r.Verify(t.Context(), func(p archive.Problem) { t.Errorf("reported %v", p) }); !errors.Is(err, broken) {
		t.Errorf("verify: %v", err)
	}
	var last error
	for _, last = range r.Images(t.Context(), r.Manifest().Projects[0].ID) {
	}
	if _, damaged := errors.AsType[*archive.CorruptError](last); !errors.Is(last, broken) || damaged {
		t.Errorf("images: %v", last)
	}
	if _, err := archive.NewReader(c, int64(len(file))); !errors.Is(err, broken) {
		t.Errorf("open: %v", err)
	}
	// A file without an index is judged by its beginning, if that is read.
	tail := &failingFile{ReaderAt: bytes.NewReader(make([]byte, 1<<20)), okReads: 1, err: broken}
	if _, err := archive.NewReader(tail, 1<<20); !errors.Is(err, broken) {
		t.Errorf("beginning: %v", err)
	}
}

type failingFile struct {
	io.ReaderAt
	okReads int // before err
	err     error
}

func (f *failingFile) ReadAt(p []byte, off int64) (int, error) {
	if f.okReads--; f.err != nil && f.okReads < 0 {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

// Equal input gives an equal file.
func TestDeterministic(t *testing.T) {
	a, _ := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 50, 20)
	b, _ := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 50, 20)
	if !bytes.Equal(a, b) {
		t.Error("two files of the same records differ")
	}
}

// Records that are refused leave the spool as it was; spools leave nothing.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	w, err := archive.NewWriter(io.Discard, archive.WriterOptions{TempDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.NewSpool()
	if err != nil {
		t.Fatal(err)
	}
	good := sampleImage(0, 1)
	bad := sampleImage(0, 2)
	bad.Regions[0].Left = "NaN"
	if err := s.Append(&good); err != nil {
		t.Fatal(err)
	}
	if field, ok := errors.AsType[*manifest.FieldError](s.Append(&bad)); !ok || field.Field != "regions[0].left" {
		t.Errorf("bad number: %v", field)
	}
	if err := s.Append(&good); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("the same record again: %v", err)
	}
	if s.Len() != 1 {
		t.Errorf("%d records", s.Len())
	}
	other, err := w.NewSpool()
	if err != nil {
		t.Fatal(err)
	}
	p, _ := sampleProject(0, 0)
	e := manifest.ProjectEntry{ID: p.Project.ID, Outcome: manifest.Complete}
	wrong := p
	wrong.Project.ID = uuid('p', 5)
	if err := w.AddProject(e, wrong, other); err == nil {
		t.Error("an entry of another project is taken")
	}
	if err := w.AddProject(e, p, s); err != nil {
		t.Errorf("after a refused project: %v", err)
	}
	if err := w.AddProject(e, p, nil); err == nil {
		t.Error("a project is taken twice")
	}
	for _, s := range []*archive.Spool{s, other} {
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		if s.Append(&good) == nil {
			t.Error("a closed spool takes a record")
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// failingWriter fails after a number of bytes, as a full disk does.
type failingWriter struct{ room int }

var errFull = errors.New("no space left on device")

func (f *failingWriter) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// A disk that fills up at any moment fails the archive, and nothing after it
// pretends to succeed.
func TestFullDisk(t *testing.T) {
	file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir(), FrameSize: 4 << 10}, 30)
	p, records := sampleProject(0, 30)
	e := manifest.ProjectEntry{ID: p.Project.ID, Name: p.Project.Name, Outcome: manifest.Complete}
	for room := 0; room < len(file); room += 150 {
		w, err := archive.NewWriter(&failingWriter{room}, archive.WriterOptions{TempDir: t.TempDir(), FrameSize: 4 << 10})
		if err == nil {
			s, _ := w.NewSpool()
			for i := range records {
				if err := s.Append(&records[i]); err != nil {
					t.Fatal(err)
				}
			}
			if err = w.AddProject(e, p, s); err == nil {
				_, err = w.Close(capture())
			} else if _, again := w.Close(capture()); again == nil {
				t.Errorf("room for %d: closed after %v", room, err)
			}
		}
		if !errors.Is(err, errFull) {
			t.Errorf("room for %d of %d bytes: %v", room, len(file), err)
		}
	}
}

// Someone without this program reads an archive with tar and zstd.
func TestPlainTools(t *testing.T) {
	tarPath := testenv.Program(t, "tar")
	testenv.Program(t, "zstd")
	dir := t.TempDir()
	file, sum := write(t, archive.WriterOptions{TempDir: t.TempDir(), ModTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, 650, 0)
	path := filepath.Join(dir, "a.tar.zst")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), tarPath, "--zstd", "-xf", path, "-C", dir).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("tar: %v: %s", err, out)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "README")); err != nil || !bytes.Contains(text, []byte("tar --zstd -xf")) {
		t.Errorf("README: %v: %s", err, text)
	}
	var m manifest.Manifest
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil || !bytes.Contains(text, []byte("\n  \"format\": \"cvarchive\",\n")) {
		t.Errorf("manifest.json is not readable JSON: %v\n%s", err, text)
	}
	if diff := cmp.Diff(sum.Manifest, m); diff != "" {
		t.Errorf("manifest.json: %s", diff)
	}
	for _, member := range m.Members {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(member.Name)))
		if err != nil || info.Size() != member.Size || !info.ModTime().Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("%s: %v, %+v", member.Name, err, info)
		}
	}
	lines, err := os.ReadFile(filepath.Join(dir, "projects", m.Projects[0].ID, "images.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(lines) {
		n++
		if !json.Valid(line) {
			t.Fatalf("line %d is not JSON: %s", n, line)
		}
	}
	if n != 650 {
		t.Errorf("%d lines", n)
	}
}

// Memory does not follow the number of records.
func TestFlatMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100,000 records")
	}
	images := 100_000 // what a project can have
	if raced {
		images = 10_000
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "big.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sum archive.Summary
	peak := peakHeap(t, func() {
		w, err := archive.NewWriter(f, archive.WriterOptions{TempDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.NewSpool()
		if err != nil {
			t.Fatal(err)
		}
		for n := range images {
			img := sampleImage(0, n)
			if err := s.Append(&img); err != nil {
				t.Fatal(err)
			}
		}
		p, _ := sampleProject(0, 0)
		if err := w.AddProject(manifest.ProjectEntry{ID: p.Project.ID, Name: p.Project.Name, Outcome: manifest.Complete}, p, s); err != nil {
			t.Fatal(err)
		}
		if sum, err = w.Close(capture()); err != nil {
			t.Fatal(err)
		}
	})
	size := sum.Manifest.Members[5].Size
	t.Logf("%d MiB of records, %d MiB of archive; writing peaked at %d MiB", size>>20, sum.Size>>20, peak>>20)
	if peak > 32<<20 {
		t.Errorf("writing took %d MiB", peak>>20)
	}
	r, err := archive.NewReader(f, sum.Size)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	peak = peakHeap(t, func() {
		for _, err := range r.Images(t.Context(), sum.Manifest.Projects[0].ID) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
	})
	t.Logf("reading peaked at %d MiB", peak>>20)
	if n != images || peak > 8<<20 {
		t.Errorf("%d records in %d MiB", n, peak>>20)
	}
}

// peakHeap returns by how much the live heap grew at most while f ran.
func peakHeap(t testing.TB, f func()) uint64 {
	t.Helper()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}} // as of the last collection
	read := func() uint64 {
		metrics.Read(live)
		return live[0].Value.Uint64()
	}
	runtime.GC()
	before := read()
	var peak atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if now := read(); now > before {
					peak.Store(max(peak.Load(), now-before))
				}
			}
		}
	}()
	f()
	close(stop)
	<-done
	return peak.Load()
}

// A newer minor version is read; what it added is kept where records are
// copied.
func TestNewerMinorVersion(t *testing.T) {
	file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 2)
	members, m := unpack(t, file)
	m.FormatVersion = "1.9"
	const images = 5
	members[images].body = bytes.ReplaceAll(members[images].body, []byte(`"width":`), []byte(`"quality":{"score":0.10},"width":`))
	list(members, m)
	text := bytes.Replace(toJSON(t, m), []byte(`{`), []byte(`{"signatures":["abc"],`), 1)
	r := open(t, pack(t, members, text))
	if _, problems := verify(t, r); len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	if got := string(r.Manifest().Extra["signatures"]); got != `["abc"]` {
		t.Errorf("manifest kept %q", got)
	}
	for rec, err := range r.Images(t.Context(), m.Projects[0].ID) {
		if err != nil {
			t.Fatal(err)
		}
		copied, err := manifest.AppendImage(nil, &rec.Image)
		if err != nil || !bytes.Contains(copied, []byte(`"quality":{"score":0.10}`)) || !bytes.Contains(rec.Raw, []byte(`"quality"`)) {
			t.Errorf("copied as %s (%v)", copied, err)
		}
	}
}

func BenchmarkWriteArchive(b *testing.B) {
	const n = 20_000
	p, records := sampleProject(0, n)
	for _, frame := range []int{256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("frame=%dKiB", frame>>10), func(b *testing.B) {
			var sum archive.Summary
			for b.Loop() {
				w, err := archive.NewWriter(io.Discard, archive.WriterOptions{TempDir: b.TempDir(), FrameSize: frame})
				if err != nil {
					b.Fatal(err)
				}
				s, err := w.NewSpool()
				if err != nil {
					b.Fatal(err)
				}
				for i := range records {
					if err := s.Append(&records[i]); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.AddProject(manifest.ProjectEntry{ID: p.Project.ID, Outcome: manifest.Complete}, p, s); err != nil {
					b.Fatal(err)
				}
				if sum, err = w.Close(capture()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(sum.Size)/n, "packed-B/record")
			b.ReportMetric(float64(sum.Manifest.Members[5].Size)/n, "B/record")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
		})
	}
}

func BenchmarkOpenProject(b *testing.B) {
	sizes := make([]int, 20)
	for i := range sizes {
		sizes[i] = 1000
	}
	file, sum := write(b, archive.WriterOptions{TempDir: b.TempDir()}, sizes...)
	for b.Loop() {
		r, err := archive.NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Project(b.Context(), sum.Manifest.Projects[10].ID); err != nil {
			b.Fatal(err)
		}
	}
}
