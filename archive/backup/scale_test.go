package backup_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"cvarchive/archive/backup"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
)

// made is a source of one project whose images are made up as they are asked
// for, so that its size costs nothing.
type made struct {
	images, size int
}

const madeProject = "aaaaaaaa-0000-4000-8000-000000000001"

func madeID(n int) string { return fmt.Sprintf("bbbbbbbb-0000-4000-8000-%012d", n) }

func (s made) Domains(context.Context) ([]manifest.Domain, error) { return nil, nil }
func (s made) Projects(context.Context) ([]manifest.Project, error) {
	return []manifest.Project{{ID: madeProject, Name: "made up", LastModified: "2019-06-19T23:02:39.8757957"}}, nil
}
func (s made) Project(context.Context, string) (manifest.Project, error) {
	return manifest.Project{ID: madeProject, Name: "made up", LastModified: "2019-06-19T23:02:39.8757957"}, nil
}
func (s made) Tags(context.Context, string, string) ([]manifest.Tag, error) {
	return []manifest.Tag{{ID: madeID(1), Name: "tag", ImageCount: s.images}}, nil
}
func (s made) Iterations(context.Context, string) ([]manifest.Iteration, error) { return nil, nil }
func (s made) IterationPerformance(context.Context, string, string) (*manifest.IterationPerformance, error) {
	return nil, nil
}
func (s made) ModelExports(context.Context, string, string) ([]manifest.ModelExport, error) {
	return nil, nil
}
func (s made) ExportProject(context.Context, string) (manifest.Export, error) {
	return manifest.Export{ImageCount: s.images, TagCount: 1, RegionCount: 3 * s.images, Token: manifest.NewSecret("token")}, nil
}
func (s made) ImageCount(context.Context, string, string) (int, error) { return s.images, nil }
func (s made) ImagesByIDs(context.Context, string, string, []string) ([]manifest.ListedImage, error) {
	return nil, nil
}

func (s made) Images(_ context.Context, _ string, q manifest.ImageQuery) (list []manifest.ListedImage, _ error) {
	for n := q.Skip; n < min(q.Skip+q.Take, s.images); n++ {
		img := manifest.ListedImage{
			Image:       manifest.Image{ID: madeID(n), Width: 900, Height: 900, Tags: []manifest.ImageTag{{TagID: madeID(1), TagName: "tag"}}},
			OriginalURI: manifest.NewSecret(fmt.Sprint("http://127.0.0.1/", n)),
		}
		for range 3 {
			img.Regions = append(img.Regions, manifest.Region{TagID: madeID(1), Left: "0.1", Top: "0.2", Width: "0.333333", Height: "0.5"})
		}
		list = append(list, img)
	}
	return list, nil
}

func (s made) Download(_ context.Context, _ string, uri manifest.Secret, _ int64) (io.ReadCloser, int64, error) {
	data := make([]byte, s.size)
	copy(data, "GIF89a")
	var n uint64
	fmt.Sscanf(uri.Reveal(), "http://127.0.0.1/%d", &n)
	binary.LittleEndian.PutUint64(data[8:], n)
	return io.NopCloser(bytes.NewReader(data)), int64(s.size), nil
}

// Memory does not grow with the images of a project, but for a small entry
// each.
func TestMemoryStaysFlat(t *testing.T) {
	const images, first, last = 30_000, 4_000, 29_000
	var early, late atomic.Uint64 // once a frame of records was made, and near the end
	opt := backup.Options{
		Source: manifest.Source{Name: "made"}, MetadataOnly: true, TempDir: t.TempDir(),
		Progress: func(e progress.Event) {
			at := map[int64]*atomic.Uint64{first: &early, last: &late}[e.Done]
			if at == nil {
				return
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			at.Store(max(at.Load(), m.HeapAlloc))
		},
	}
	res, err := backup.Run(t.Context(), made{images: images}, vaulttest.New(t), opt)
	if err != nil || !res.Whole() || res.Manifest.Projects[0].Counts.Images != images {
		t.Fatalf("result %+v, %v", res, err)
	}
	perImage := (float64(late.Load()) - float64(early.Load())) / (last - first)
	t.Logf("%.0f bytes an image (%d and %d), an archive of %d bytes", perImage, early.Load(), late.Load(), res.Archive.Size)
	if early.Load() == 0 || late.Load() == 0 || perImage > 450 {
		t.Errorf("%.0f bytes an image are held in memory", perImage)
	}
}

// The whole way into a folder and back.
func TestFolder(t *testing.T) {
	s, err := dirstore.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	v := vaulttest.Init(t, s)
	opt := backup.Options{Source: manifest.Source{Name: "made"}, TempDir: t.TempDir()}
	res, err := backup.Run(t.Context(), made{images: 700, size: 9 << 10}, v, opt)
	if err != nil || !res.Whole() || res.Stats.ImagesDownloaded != 700 || res.Stats.BytesStored != 700*9<<10 {
		t.Fatalf("result %+v, %v", res, err)
	}
	report, err := verify.Archive(t.Context(), v, res.Archive, verify.Options{ReadData: true})
	if err != nil || !report.Sound() || report.Objects != 700 || report.SHA256 != res.SHA256 {
		t.Errorf("report %+v, %v", report, err)
	}
}

func BenchmarkRun(b *testing.B) {
	s, err := dirstore.New(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	v, err := vault.Init(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	const images, size = 2000, 25 << 10
	started := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for run := 0; b.Loop(); run++ {
		opt := backup.Options{
			Source: manifest.Source{Name: fmt.Sprint("made-", run)}, TempDir: b.TempDir(),
			Now: func() time.Time { return started.Add(time.Duration(run) * time.Hour) },
		}
		if _, err := backup.Run(b.Context(), made{images: images, size: size + run}, v, opt); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(images)*float64(b.N)/b.Elapsed().Seconds(), "images/s")
}
