package drill_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/drill"
	"cvarchive/archive/restore"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

// classification is a domain of every resource of the simulator: General.
const classification = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31"

// environment is a simulated service with a source that was backed up, and a
// target that has projects of its own.
type environment struct {
	t       *testing.T
	sim     *simtest.Server
	target  *customvision.Client
	store   *vaulttest.Memory
	vault   *vault.Vault
	archive *archive.Reader
	own     []manifest.Project // of the target
}

func newEnvironment(t *testing.T, target simulator.ResourceOptions) *environment {
	t.Helper()
	target.Name, target.Key = "northeurope", "key-of-the-target"
	sim := simtest.Start(t, simulator.Options{Resources: []simulator.ResourceOptions{
		{Name: "westeurope", Key: "key-of-the-source"}, target,
	}})
	e := &environment{t: t, sim: sim, store: vaulttest.NewMemory()}
	e.vault = vaulttest.Init(t, e.store)
	source := e.client("westeurope")
	e.target = e.client("northeurope")
	e.seed(source, "Fruit", 3)
	e.seed(source, "Leer, 空", 0)
	e.archive = e.backUp(source)
	e.seed(e.target, "drill-00000000-1 Fruit", 1)
	e.own = e.list()
	return e
}

func (e *environment) client(resource string) *customvision.Client {
	e.t.Helper()
	c, err := customvision.New(customvision.Options{
		Name: resource, Endpoint: e.sim.Endpoint(resource), TrainingKey: manifest.NewSecret(e.sim.Key(resource)), CallsPerSecond: -1,
	})
	check(e.t, err)
	return c
}

// seed makes a project of some images of one tag.
func (e *environment) seed(c *customvision.Client, name string, images int) {
	e.t.Helper()
	ctx := e.t.Context()
	p, err := c.CreateProject(ctx, manifest.NewProject{Name: name, DomainID: classification, ClassificationType: "Multilabel"})
	check(e.t, err)
	tag, err := c.CreateTag(ctx, p.ID, manifest.Tag{Name: "apple", Type: manifest.TagRegular})
	check(e.t, err)
	var batch manifest.ImageBatch
	for i := range images {
		batch.Images = append(batch.Images, manifest.NewImage{Name: fmt.Sprint(i), Contents: picture(i), TagIDs: []string{tag.ID}})
	}
	if images > 0 {
		_, err = c.CreateImagesFromFiles(ctx, p.ID, batch)
		check(e.t, err)
	}
}

// picture gives a PNG with bytes that no other number gives.
func picture(n int) []byte { return fmt.Appendf(bytes.Clone(blank()), "picture %d", n) }

var blank = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 256, 256))); err != nil {
		panic(err)
	}
	return b.Bytes()
})

func (e *environment) backUp(src backup.Source) *archive.Reader {
	e.t.Helper()
	res, err := backup.Run(e.t.Context(), src, e.vault, backup.Options{
		Source: manifest.Source{Name: "prod", Endpoint: "https://example.invalid", APIVersion: "v3.3"},
		Now:    e.sim.Service.Now, TempDir: e.t.TempDir(),
	})
	check(e.t, err)
	f, err := e.vault.OpenArchive(e.t.Context(), res.Archive)
	check(e.t, err)
	e.t.Cleanup(func() { f.Close() })
	r, err := archive.NewReader(f, f.Size())
	check(e.t, err)
	return r
}

// options are those of a drill on another machine, which no process of this
// one is.
func (e *environment) options() drill.Options {
	return drill.Options{
		Journal: e.store, Process: drill.Process{Host: "elsewhere", ID: 1}, Tool: manifest.Tool{Name: "cvarchive", Version: "test"},
		Restore: restore.Options{
			ArchiveName: "prod/20280901T020000Z-1f6b4c2a", ArchiveSHA256: manifest.Digest{1}, TempDir: e.t.TempDir(),
			Target: plan.Target{Name: "dr", Endpoint: e.target.Endpoint()}, Plan: plan.Options{Mode: plan.ModeRebuild},
			Now:  e.sim.Service.Now,
			Wait: func(_ context.Context, d time.Duration) error { e.sim.Service.Advance(d); return nil },
		},
	}
}

// later lets time pass, so that a drill that gives no sign is taken for dead.
func (e *environment) later(opt drill.Options) drill.Options {
	e.sim.Service.Advance(time.Minute)
	opt.Clock = func(context.Context) (time.Time, error) { return time.Now().Add(10 * time.Minute), nil }
	return opt
}

func (e *environment) drill(t drill.Target, opt drill.Options) *drill.Report {
	e.t.Helper()
	d, err := drill.Prepare(e.t.Context(), t, e.archive, opt)
	check(e.t, err)
	r, err := d.Run(e.t.Context(), e.vault)
	check(e.t, err)
	return r
}

func (e *environment) list() []manifest.Project {
	e.t.Helper()
	projects, err := e.target.Projects(e.t.Context())
	check(e.t, err)
	slices.SortFunc(projects, func(a, b manifest.Project) int { return strings.Compare(a.ID, b.ID) })
	return projects
}

// wantUntouched fails the test unless the target is as it was.
func (e *environment) wantUntouched(when string) {
	e.t.Helper()
	if d := cmp.Diff(e.own, e.list()); d != "" {
		e.t.Fatalf("%s: projects of the target (-before +after):\n%s", when, d)
	}
}

// wantNoJournal fails the test when notes are left in the vault.
func (e *environment) wantNoJournal(when string) {
	e.t.Helper()
	for _, name := range e.store.Names() {
		if strings.HasPrefix(name, "restores/") {
			e.t.Fatalf("%s: %s is left:\n%s", when, name, e.store.Bytes(name))
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
