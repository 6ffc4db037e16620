package restore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"cvarchive/archive"
	"cvarchive/archive/restore"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

// Domains that every resource of the simulator offers.
const (
	classification = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31" // General
	detection      = "da2e3a8a-40a5-4171-82f4-58522f70fbc1" // General
)

// environment is a simulated service with two resources, and a vault.
type environment struct {
	t      *testing.T
	sim    *simtest.Server
	source *customvision.Client
	target *customvision.Client
	vault  *vault.Vault
}

func newEnvironment(t *testing.T, target simulator.ResourceOptions) *environment {
	t.Helper()
	return environmentOf(t, target, simtest.Start)
}

// newFastEnvironment is without a network.
func newFastEnvironment(t *testing.T, target simulator.ResourceOptions) *environment {
	t.Helper()
	return environmentOf(t, target, simtest.InProcess)
}

func environmentOf(t *testing.T, target simulator.ResourceOptions, start func(testing.TB, simulator.Options) *simtest.Server) *environment {
	t.Helper()
	target.Name, target.Key = "northeurope", "key-of-the-target"
	sim := start(t, simulator.Options{Resources: []simulator.ResourceOptions{
		{Name: "westeurope", Key: "key-of-the-source"}, target,
	}})
	e := &environment{t: t, sim: sim, vault: vaulttest.New(t)}
	e.source, e.target = e.client("westeurope"), e.client("northeurope")
	return e
}

func (e *environment) client(resource string) *customvision.Client {
	e.t.Helper()
	c, err := customvision.New(customvision.Options{
		Name: resource, Endpoint: e.sim.Endpoint(resource), TrainingKey: manifest.NewSecret(e.sim.Key(resource)), CallsPerSecond: -1,
		HTTPClient: e.sim.HTTPClient,
	})
	check(e.t, err)
	return c
}

// options waits for imports by moving the simulator's clock.
func (e *environment) options() restore.Options {
	return restore.Options{
		ArchiveName: "test", Target: plan.Target{Name: "dr", Endpoint: e.target.Endpoint()}, TempDir: e.t.TempDir(),
		Now:  e.sim.Service.Now,
		Wait: func(_ context.Context, d time.Duration) error { e.sim.Service.Advance(d); return nil },
	}
}

// restore makes a plan and carries it out, and checks that both agree with
// what the simulator counted, for plans that need no import.
func (e *environment) restore(r *archive.Reader, opt restore.Options) (*plan.Plan, *restore.Report) {
	e.t.Helper()
	p, err := restore.Prepare(e.t.Context(), e.target, r, opt)
	check(e.t, err)
	report, err := restore.Apply(e.t.Context(), e.target, r, e.vault, roundTrip(e.t, p), opt)
	check(e.t, err)
	return p, report
}

// roundTrip sends a plan through its JSON form, as a saved one goes.
func roundTrip(t *testing.T, p *plan.Plan) *plan.Plan {
	t.Helper()
	b, err := json.Marshal(p)
	check(t, err)
	var q plan.Plan
	check(t, json.Unmarshal(b, &q))
	return &q
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantEqual fails the test unless everything was restored and proven.
func wantEqual(t *testing.T, r *restore.Report) {
	t.Helper()
	for _, p := range r.Projects {
		for _, f := range p.Failures {
			t.Errorf("%s: %+v", p.Name, f)
		}
		if p.Proof != nil {
			for _, c := range p.Proof.Changes {
				t.Errorf("%s: %s", p.Name, c)
			}
		}
		if p.Outcome != manifest.Complete {
			t.Errorf("%s: %s: %s", p.Name, p.Outcome, p.Reason)
		}
	}
	if !r.Whole() || !r.Equal() {
		t.Errorf("whole %t, equal %t", r.Whole(), r.Equal())
	}
}

// project is a made-up archived project.
type project struct {
	manifest.Project
	kind   string
	tags   []manifest.Tag
	images []manifest.Image
	export manifest.Export
}

func newProject(name, domain string, tags int) *project {
	p := &project{kind: manifest.Classification}
	p.ID, p.Name = uuid.NewString(), name
	p.Settings = manifest.ProjectSettings{
		DomainID: domain, ClassificationType: "Multilabel",
		ImageProcessingSettings: &manifest.ImageProcessingSettings{AugmentationMethods: map[string]bool{"scaling": true, "rotation": false}},
	}
	if domain == detection {
		p.kind, p.Settings.ClassificationType = manifest.ObjectDetection, ""
	}
	p.export = manifest.Export{State: manifest.TokenNone, Failure: &manifest.Failure{Item: "export", Message: "not asked for"}}
	for i := range tags {
		p.tag(fmt.Sprintf("tag %d", i), manifest.TagRegular)
	}
	return p
}

func (p *project) tag(name, kind string) int {
	p.tags = append(p.tags, manifest.Tag{ID: uuid.NewString(), Name: name, Type: kind, Description: "about " + name})
	return len(p.tags) - 1
}

// add adds an image with the given bytes.
func (p *project) add(v *vault.Vault, data []byte, tags ...int) *manifest.Image {
	o := manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: "png"}
	if _, err := v.PutObject(context.Background(), o, bytes.NewReader(data)); err != nil {
		panic(err)
	}
	img := manifest.Image{
		ID: uuid.NewString(), Created: "2024-05-01T10:00:00.1234567", Width: 256, Height: 256, Object: &o, Blob: manifest.BlobOriginal,
	}
	for _, t := range tags {
		img.Tags = append(img.Tags, manifest.ImageTag{TagID: p.tags[t].ID})
	}
	p.images = append(p.images, img)
	return &p.images[len(p.images)-1]
}

func (p *project) box(img *manifest.Image, tag int, left, top, width, height json.Number) {
	img.Regions = append(img.Regions, manifest.Region{TagID: p.tags[tag].ID, Left: left, Top: top, Width: width, Height: height})
}

// archive writes the projects into an archive file.
func archiveOf(t *testing.T, projects ...*project) *archive.Reader {
	t.Helper()
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.WriterOptions{TempDir: t.TempDir()})
	check(t, err)
	for _, p := range projects {
		spool, err := w.NewSpool()
		check(t, err)
		for i := range p.images {
			check(t, spool.Append(&p.images[i]))
		}
		entry := manifest.ProjectEntry{ID: p.ID, Name: p.Name, DomainID: p.Settings.DomainID, Type: p.kind, Outcome: manifest.Complete}
		check(t, w.AddProject(entry, archive.ProjectMembers{Project: p.Project, Tags: p.tags, Export: p.export}, spool))
	}
	_, err = w.Close(manifest.Manifest{
		ID: "0a1b2c3d", Tool: manifest.Tool{Name: "cvarchive", Version: "test"},
		Source:  manifest.Source{Name: "prod", Endpoint: "https://example.invalid", APIVersion: "v3.3"},
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Finished: time.Date(2026, 1, 2, 3, 5, 5, 0, time.UTC),
		Domains: []manifest.Domain{
			{ID: classification, Name: "General", Type: manifest.Classification, Enabled: true},
			{ID: detection, Name: "General", Type: manifest.ObjectDetection, Enabled: true},
		},
	})
	check(t, err)
	r, err := archive.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	check(t, err)
	return r
}

// picture gives a PNG with bytes that no other number gives: what comes after
// its end is nobody's business.
func picture(n int) []byte {
	return fmt.Appendf(bytes.Clone(blank()), "picture %d", n)
}

var blank = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 256, 256))); err != nil {
		panic(err)
	}
	return b.Bytes()
})

// writes sums the writing calls that the target's simulator counted.
func (e *environment) writes() plan.Calls {
	calls := plan.Calls{}
	for op, n := range e.sim.Resource("northeurope").Calls() {
		if !isRead(op) && n > 0 {
			calls[op] = n
		}
	}
	return calls
}

func isRead(operation string) bool { return strings.HasPrefix(operation, "Get") }
