package restore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"cvarchive/archive"
	"cvarchive/archive/restore"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

var largeImages = flag.Int("images", 5_000, "how many images TestLargeProjectIsGoneOnWith has")

const (
	largeTags  = 20
	largeBytes = 64
)

// madeImage is the n-th image of a project that is made up as it is needed.
func madeImage(n int) manifest.Image {
	img := manifest.Image{ID: fmt.Sprintf("bbbbbbbb-0000-4000-8000-%012d", n), Width: 900, Height: 900, Blob: manifest.BlobOriginal,
		Object: &manifest.Object{Size: largeBytes, Ext: "jpg"}, Metadata: map[string]string{"site": fmt.Sprint(n % 3)}}
	binary.BigEndian.PutUint64(img.Object.SHA256[:], uint64(n)+1)
	for k := range 3 {
		img.Regions = append(img.Regions, manifest.Region{TagID: madeTag((n + k) % largeTags), Left: "0.125", Top: "0.25", Width: "0.333333", Height: "0.5"})
	}
	return img
}

func madeTag(n int) string { return fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n) }

// largeArchive writes an archive of one such project to a file.
func largeArchive(t *testing.T, images int) *archive.Reader {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "large.tar.zst"))
	check(t, err)
	t.Cleanup(func() { f.Close() })
	w, err := archive.NewWriter(f, archive.WriterOptions{TempDir: t.TempDir()})
	check(t, err)
	spool, err := w.NewSpool()
	check(t, err)
	for n := range images {
		img := madeImage(n)
		check(t, spool.Append(&img))
	}
	p := newProject("large", detection, 0)
	for n := range largeTags {
		p.tags = append(p.tags, manifest.Tag{ID: madeTag(n), Name: fmt.Sprint("tag ", n), Type: manifest.TagRegular})
	}
	entry := manifest.ProjectEntry{ID: p.ID, Name: p.Name, DomainID: detection, Type: p.kind, Outcome: manifest.Complete}
	check(t, w.AddProject(entry, archive.ProjectMembers{Project: p.Project, Tags: p.tags, Export: p.export}, spool))
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	_, err = w.Close(manifest.Manifest{ID: "0a1b2c3d", Tool: manifest.Tool{Name: "cvarchive", Version: "test"},
		Source: manifest.Source{Name: "prod", Endpoint: "https://example.invalid", APIVersion: "v3.3"}, Started: started, Finished: started})
	check(t, err)
	size, err := f.Seek(0, io.SeekEnd)
	check(t, err)
	r, err := archive.NewReader(f, size)
	check(t, err)
	return r
}

// hollow is a resource that keeps of each image only its number.
type hollow struct {
	restore.Target
	// at is called with the number of images before each create call, and
	// looked with each page, one call at a time.
	at     func(images int)
	looked func()

	mu      sync.Mutex
	project *manifest.Project
	tags    []manifest.Tag
	images  []int // of the archive, in the order of creation
	calls   int   // that created images
}

func (h *hollow) Domains(context.Context) ([]manifest.Domain, error) {
	return []manifest.Domain{{ID: detection, Name: "General", Type: manifest.ObjectDetection, Enabled: true}}, nil
}

func (h *hollow) Projects(context.Context) ([]manifest.Project, error) {
	if h.project == nil {
		return nil, nil
	}
	return []manifest.Project{*h.project}, nil
}

func (h *hollow) Project(context.Context, string) (manifest.Project, error) { return *h.project, nil }

func (h *hollow) CreateProject(_ context.Context, p manifest.NewProject) (manifest.Project, error) {
	h.project = &manifest.Project{ID: "p", Name: p.Name, Description: p.Description, Settings: manifest.ProjectSettings{DomainID: p.DomainID}, Status: manifest.StatusSucceeded}
	return *h.project, nil
}

func (h *hollow) UpdateProject(_ context.Context, _ string, p manifest.Project) (manifest.Project, error) {
	h.project.Settings = p.Settings
	return *h.project, nil
}

func (h *hollow) CreateTag(_ context.Context, _ string, t manifest.Tag) (manifest.Tag, error) {
	t.ID = fmt.Sprint("tag-", len(h.tags))
	h.tags = append(h.tags, t)
	return t, nil
}

func (h *hollow) Tags(context.Context, string, string) ([]manifest.Tag, error) { return h.tags, nil }

func (h *hollow) ImageCount(context.Context, string, string) (int, error) { return len(h.images), nil }

func (h *hollow) CreateImagesFromFiles(_ context.Context, _ string, b manifest.ImageBatch) (sum manifest.ImageCreateSummary, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at(len(h.images))
	h.calls++
	for _, img := range b.Images {
		var n int
		if _, err := fmt.Sscanf(img.Name[strings.LastIndex(img.Name, "-")+1:], "%d.jpg", &n); err != nil {
			return sum, err
		}
		made := manifest.ListedImage{Image: manifest.Image{ID: fmt.Sprint("image-", len(h.images))}}
		sum.Images = append(sum.Images, manifest.ImageCreateResult{SourceURL: img.Name, Status: manifest.ImageOK, Image: &made})
		h.images = append(h.images, n)
	}
	return sum, nil
}

func (h *hollow) Images(_ context.Context, _ string, q manifest.ImageQuery) (page []manifest.ListedImage, _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looked()
	for i := q.Skip; i < min(q.Skip+q.Take, len(h.images)); i++ {
		img := madeImage(h.images[i])
		img.ID, img.Object = fmt.Sprint("image-", i), nil
		for k := range img.Regions {
			img.Regions[k].TagID = h.tags[(h.images[i]+k)%largeTags].ID
			img.Tags = append(img.Tags, manifest.ImageTag{TagID: img.Regions[k].TagID})
		}
		page = append(page, manifest.ListedImage{Image: img})
	}
	return page, nil
}

// hollowObjects has the bytes of any image.
type hollowObjects struct{}

func (hollowObjects) OpenObject(_ context.Context, o manifest.Object) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(make([]byte, o.Size))), nil
}

// TestLargeProjectIsGoneOnWith stops a rebuild of a large project past its
// half and runs it again: the plan shows what remains, nothing is sent twice,
// and memory grows with the number of images by a small entry each, whatever
// their labels weigh. With as many images as a project may have:
//
//	go test ./archive/restore -run LargeProject -v -args -images 100000
func TestLargeProjectIsGoneOnWith(t *testing.T) {
	n := *largeImages
	r := largeArchive(t, n)
	journal, err := dirstore.New(t.TempDir())
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var peak uint64
	looks := 0
	h := &hollow{
		at: func(images int) {
			if images > n*6/10 {
				cancel()
			}
		},
		looked: func() {
			if looks++; looks%4 == 0 {
				peak = max(peak, heap())
			}
		},
	}
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	opt := restore.Options{Journal: journal, NoContentProof: true, TempDir: t.TempDir(), Now: func() time.Time { return now },
		Target: plan.Target{Name: "dr", Endpoint: "https://example.invalid"}}
	p, err := restore.Prepare(ctx, h, r, opt)
	check(t, err)
	if _, err := restore.Apply(ctx, h, r, hollowObjects{}, p, opt); !errors.Is(err, context.Canceled) {
		t.Fatalf("the first run ended with %v", err)
	}
	sent, made := h.calls, len(h.images)

	before, began := heap(), time.Now()
	looks, peak = 0, 0
	p, err = restore.Prepare(t.Context(), h, r, opt)
	check(t, err)
	planned, planPeak := time.Since(began), peak
	if pp := p.Projects[0]; pp.Action != plan.Continue || pp.Resume.Images != made || pp.Creates.Images != n-made {
		t.Fatalf("the plan is to %s: %+v, creates %+v", pp.Action, pp.Resume, pp.Creates)
	}
	h.at = func(int) {}
	report, err := restore.Apply(t.Context(), h, r, hollowObjects{}, p, opt)
	check(t, err)
	wantEqual(t, report)
	if pr := report.Projects[0]; len(h.images) != n || pr.Created.Images != n-made || pr.Repeated != 0 || h.calls-sent != p.Totals.Calls[plan.CreateImagesFromFiles] {
		t.Errorf("%d images after %d calls, created %+v, %d repeated", len(h.images), h.calls-sent, pr.Created, pr.Repeated)
	}
	perImage := (float64(peak) - float64(before) - underWay) / float64(n)
	t.Logf("%d of %d images were there; planned in %s with %d KiB, all done in %s with %d KiB: %.0f bytes an image",
		made, n, planned.Round(time.Millisecond), (planPeak-before)>>10, time.Since(began).Round(time.Millisecond), (peak-before)>>10, perImage)
	if perImage > 600 {
		t.Errorf("%.0f bytes an image are held in memory", perImage)
	}
}

// underWay is about what the pages and batches on their way take, in bytes,
// however many images there are.
const underWay = 5 << 20

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
