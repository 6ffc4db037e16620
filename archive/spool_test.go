package archive_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"cvarchive/archive"
	"cvarchive/manifest"
)

// An archive has the frames of its tar, wherever they were made: those of image
// records come from the spool, ready, and only the first of them from the
// writer.
func TestFrames(t *testing.T) {
	const frame = 4 << 10
	for images := range 40 {
		var long []manifest.Image
		if images%2 == 1 {
			long = []manifest.Image{{ID: uuid('b', images), Metadata: map[string]string{"long": strings.Repeat("long ", frame)}}}
		}
		file, sum := spooled(t, frame, images, long)
		dec, err := zstd.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(dec)
		dec.Close()
		if err != nil {
			t.Fatal(err)
		}
		var frames [][]byte
		from := int64(0)
		for _, m := range sum.Manifest.Members {
			if strings.HasSuffix(m.Name, "/project.json") || strings.HasSuffix(m.Name, "/images.jsonl") {
				frames = slices.AppendSeq(frames, slices.Chunk(plain[from:m.Offset], frame))
				from = m.Offset
			}
		}
		last := sum.Manifest.Members[len(sum.Manifest.Members)-1]
		index := last.Offset + (512+last.Size+511)/512*512
		frames = slices.AppendSeq(frames, slices.Chunk(plain[from:index], frame))
		frames = slices.AppendSeq(frames, slices.Chunk(plain[index:], frame))
		if !bytes.Equal(file, archive.Pack(frames...)) {
			t.Errorf("%d images: not the %d frames of its tar", images, len(frames))
		}
		if _, problems := verify(t, open(t, file)); len(problems) > 0 {
			t.Errorf("%d images: %v", images, problems)
		}
	}
}

// spooled is an archive of two projects whose spools were filled side by side.
func spooled(t *testing.T, frame, images int, more []manifest.Image) ([]byte, archive.Summary) {
	t.Helper()
	var out bytes.Buffer
	w, err := archive.NewWriter(&out, archive.WriterOptions{TempDir: t.TempDir(), FrameSize: frame})
	if err != nil {
		t.Fatal(err)
	}
	projects := make([]archive.ProjectMembers, 2)
	spools := make([]*archive.Spool, len(projects))
	records := make([][]manifest.Image, len(projects))
	for i := range projects {
		projects[i], records[i] = sampleProject(i, images)
		if spools[i], err = w.NewSpool(); err != nil {
			t.Fatal(err)
		}
	}
	for n := range images {
		for i, s := range spools {
			if err := s.Append(&records[i][n]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, p := range projects {
		for n := range more {
			if err := spools[i].Append(&more[n]); err != nil {
				t.Fatal(err)
			}
		}
		e := manifest.ProjectEntry{ID: p.Project.ID, Name: p.Project.Name, DomainID: p.Project.Settings.DomainID, Outcome: manifest.Complete}
		if err := w.AddProject(e, p, spools[i]); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := w.Close(capture())
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), sum
}
