package demo

import (
	"image"
	"math/rand/v2"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/cmd/internal/demo/picture"
	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
)

// What a sample project must look like once it is uploaded, and so what every
// test and every demo that uses the account can count on.
type facts struct {
	Type, Classification    string
	Images, Untagged, Tags  int
	Negative                bool
	Regions                 bool
	Cameras                 int // distinct metadata
	Iterations, Published   int
	Models, OnlyInIteration int
	Unflipped               bool // a setting that is not the service's default
	ManyCalls               bool // more images than a page and a batch hold
}

func TestSeed(t *testing.T) {
	c := newResource(t)
	account := sampleAccount()
	for i := range account {
		sketch(&account[i])
	}
	total, err := seed(t.Context(), c, account)
	if err != nil {
		t.Fatal(err)
	}

	want := map[string]facts{
		"Fruit bowl": {
			Type: "Classification", Classification: "Multiclass", Images: 61, Tags: 7, Negative: true,
			Iterations: 2, Published: 1, Models: 1, OnlyInIteration: 1, Unflipped: true,
		},
		"Straßenschilder · إشارات المرور 🚦": {
			Type: "Classification", Classification: "Multilabel", Images: 48, Untagged: 4, Tags: 8, Iterations: 1, Published: 1,
		},
		"Shelf watch": {
			Type: "ObjectDetection", Images: 24, Tags: 3, Regions: true, Cameras: 3, Iterations: 1, Published: 1,
		},
		"Metal plates, line 4": {
			Type: "Classification", Classification: "Multilabel", Images: 640, Tags: 5, Negative: true, Iterations: 1, ManyCalls: true,
		},
		"Trail camera, unsorted": {Type: "Classification", Classification: "Multiclass", Images: 16, Untagged: 16},
		"Pilot 2027":             {Type: "ObjectDetection"},
	}
	if diff := cmp.Diff(want, readBack(t, c)); diff != "" {
		t.Errorf("the account (-want +got):\n%s", diff)
	}
	if want := (Seeded{Projects: 6, Images: 790, Iterations: 5}); total != want {
		t.Errorf("Seed returned %+v, want %+v", total, want)
	}
}

// sketch replaces a project's paintings by dabs of paint, which is quicker,
// unless where their objects are matters.
func sketch(p *sampleProject) {
	for i := range p.stages {
		for j := range p.stages[i].photos {
			if ph := &p.stages[i].photos[j]; !ph.regions {
				ph.paint = func(r *rand.Rand) picture.Picture {
					dab := image.NewRGBA(image.Rect(0, 0, 32, 32))
					for k := range dab.Pix {
						dab.Pix[k] = uint8(r.Uint32())
					}
					return picture.Picture{Image: dab}
				}
			}
		}
	}
}

// readBack says what a resource holds.
func readBack(t *testing.T, c *customvision.Client) map[string]facts {
	t.Helper()
	domains := must[[]manifest.Domain](t)(c.Domains(t.Context()))
	types := map[string]string{}
	for _, d := range domains {
		types[d.ID] = d.Type
	}
	got := map[string]facts{}
	for _, p := range must[[]manifest.Project](t)(c.Projects(t.Context())) {
		f := facts{Type: types[p.Settings.DomainID], Classification: p.Settings.ClassificationType}
		if ips := p.Settings.ImageProcessingSettings; ips != nil {
			on, said := ips.AugmentationMethods["horizontal flip"]
			f.Unflipped = said && !on
		}
		for _, tag := range must[[]manifest.Tag](t)(c.Tags(t.Context(), p.ID, "")) {
			f.Tags++
			f.Negative = f.Negative || tag.Type == manifest.TagNegative
		}
		f.countImages(t, c, p.ID)
		f.countIterations(t, c, p.ID)
		f.ManyCalls = f.Images > manifest.MaxPage && f.Images > manifest.MaxBatch
		got[p.Name] = f
	}
	return got
}

func (f *facts) countImages(t *testing.T, c *customvision.Client, projectID string) {
	t.Helper()
	cameras := map[string]bool{}
	for {
		page := must[[]manifest.ListedImage](t)(c.Images(t.Context(), projectID, manifest.ImageQuery{Skip: f.Images, Take: manifest.MaxPage}))
		for _, img := range page {
			f.Images++
			if len(img.Tags) == 0 {
				f.Untagged++
			}
			f.Regions = f.Regions || len(img.Regions) > 0
			if camera := img.Metadata["camera"]; camera != "" {
				cameras[camera] = true
			}
		}
		if len(page) < manifest.MaxPage {
			f.Cameras = len(cameras)
			return
		}
	}
}

func (f *facts) countIterations(t *testing.T, c *customvision.Client, projectID string) {
	t.Helper()
	for _, it := range must[[]manifest.Iteration](t)(c.Iterations(t.Context(), projectID)) {
		if !it.Trained() {
			continue // the workspace, where it changed since
		}
		f.Iterations++
		if it.PublishName != "" {
			f.Published++
		}
		f.Models += len(must[[]manifest.ModelExport](t)(c.ModelExports(t.Context(), projectID, it.ID)))
		for _, img := range must[[]manifest.ListedImage](t)(c.Images(t.Context(), projectID, manifest.ImageQuery{IterationID: it.ID})) {
			if len(must[[]manifest.ListedImage](t)(c.ImagesByIDs(t.Context(), projectID, "", []string{img.ID}))) == 0 {
				f.OnlyInIteration++
			}
		}
	}
}

func newResource(t *testing.T) *customvision.Client {
	t.Helper()
	svc, err := simulator.New(simulator.Options{Resources: []simulator.ResourceOptions{{Name: "westeurope", Key: "key"}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(svc)
	t.Cleanup(server.Close)
	c, err := customvision.New(customvision.Options{
		Endpoint: server.URL + "/westeurope", TrainingKey: manifest.NewSecret("key"), CallsPerSecond: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
