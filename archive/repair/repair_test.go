package repair_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"cvarchive/archive/backup"
	"cvarchive/archive/repair"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

const compactDomain = "0732100f-1a38-4e49-a514-c9b44c697ab5" // General (compact)

// world is a resource, a vault with an archive of it, and what is in there:
// a trained project with an exported model and an image that only its
// iteration still holds, and another project with one of the first's images.
type world struct {
	t        *testing.T
	sim      *simtest.Server
	client   *customvision.Client
	memory   *vaulttest.Memory
	archive  vault.Archive
	project  manifest.Project
	images   []string // ids, in the workspace
	deleted  string   // id, in the iteration only
	twin     string   // id in another project, with the bytes of the first image
	twinIn   manifest.Project
	pictures map[string][]byte
}

func picture(n int) []byte {
	img := image.NewPaletted(image.Rect(0, 0, 24, 16), color.Palette{color.White, color.Black})
	for i := range 16 {
		img.SetColorIndex(i, 3, uint8(n>>i&1))
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, memory: vaulttest.NewMemory(), pictures: map[string][]byte{}, sim: simtest.Start(t, simulator.Options{
		Resources: []simulator.ResourceOptions{{Name: "westeurope", Key: "the-key"}}, TrainDuration: -1, ExportDuration: -1,
	})}
	var err error
	w.client, err = customvision.New(customvision.Options{
		Name: "weu", Endpoint: w.sim.Endpoint("westeurope"), TrainingKey: manifest.NewSecret("the-key"), CallsPerSecond: -1,
		Retry: policy.RetryOptions{MaxRetries: 1, RetryDelay: time.Millisecond, MaxRetryDelay: time.Millisecond},
	})
	must(t, err)
	w.project = w.newProject("Fruit")
	ids := w.upload(w.project, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	it, err := w.client.Train(t.Context(), w.project.ID, manifest.TrainOptions{ForceTrain: true})
	must(t, err)
	_, err = w.client.ExportIteration(t.Context(), w.project.ID, it.ID, "ONNX", "")
	must(t, err)
	w.images, w.deleted = ids[:9], ids[9]
	w.delete(w.deleted)
	w.twinIn = w.newProject("Twins")
	w.twin = w.upload(w.twinIn, 0)[0]
	res, err := backup.Run(t.Context(), w.client, vaulttest.Init(t, w.memory), backup.Options{
		Source: manifest.Source{Name: "weu", Endpoint: w.client.Endpoint()}, TempDir: t.TempDir(),
	})
	must(t, err)
	if !res.Whole() || res.Stats.ModelsDownloaded != 1 {
		t.Fatalf("the backup is not whole: %+v", res)
	}
	w.archive = res.Archive
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) newProject(name string) manifest.Project {
	p, err := w.client.CreateProject(w.t.Context(), manifest.NewProject{Name: name, DomainID: compactDomain})
	must(w.t, err)
	return p
}

// upload puts pictures into a project, half under each of two tags.
func (w *world) upload(p manifest.Project, numbers ...int) []string {
	var tags []string
	for _, name := range []string{"a", "b"} {
		tag, err := w.client.CreateTag(w.t.Context(), p.ID, manifest.Tag{Name: name, Type: manifest.TagRegular})
		must(w.t, err)
		tags = append(tags, tag.ID)
	}
	var b manifest.ImageBatch
	for i, n := range numbers {
		b.Images = append(b.Images, manifest.NewImage{Name: fmt.Sprint(i), Contents: picture(n), TagIDs: tags[i%2 : i%2+1]})
	}
	sum, err := w.client.CreateImagesFromFiles(w.t.Context(), p.ID, b)
	must(w.t, err)
	ids := make([]string, len(numbers))
	for _, r := range sum.Images {
		i := slices.IndexFunc(b.Images, func(n manifest.NewImage) bool { return n.Name == r.SourceURL })
		ids[i] = r.Image.ID
		w.pictures[r.Image.ID] = b.Images[i].Contents
	}
	return ids
}

func (w *world) delete(id string) {
	must(w.t, w.client.DeleteImages(w.t.Context(), w.project.ID, customvision.ImageDeletion{IDs: []string{id}}))
}

// name is the object's name of an image.
func (w *world) name(id string) string {
	data := w.pictures[id]
	o := manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: "png"}
	return vaulttest.New(w.t).ObjectName(o)
}

// model is the name of the exported model's object.
func (w *world) model() string {
	for _, name := range w.memory.Names() {
		if strings.HasPrefix(name, "objects/") && !strings.HasSuffix(name, ".png") {
			return name
		}
	}
	w.t.Fatal("no model in the vault")
	return ""
}

func (w *world) bytes(name string) []byte { return w.memory.Bytes(name) }

// find verifies the vault and returns what is to be repaired.
func find(t *testing.T, s vault.Store, a vault.Archive) (items []repair.Item) {
	t.Helper()
	_, err := verify.Archive(t.Context(), vaulttest.Init(t, s), a, verify.Options{ReadData: true, Found: func(p verify.Problem) {
		if p.Object == nil {
			t.Fatalf("problem %+v", p)
		}
		items = append(items, repair.Item{
			Archive: p.Archive, Source: a.Source, Name: p.Item, ProjectID: p.ProjectID, Project: p.Project,
			ImageID: p.ImageID, IterationID: p.IterationID, Platform: p.Platform, Flavor: p.Flavor, Object: *p.Object,
		})
	}})
	must(t, err)
	return items
}

// run repairs some items.
func run(t *testing.T, ctx context.Context, v *vault.Vault, items []repair.Item, opt repair.Options) (*repair.Report, error) {
	t.Helper()
	return repair.Run(ctx, v, collected(t, items), opt)
}

func collected(t *testing.T, items []repair.Item) *repair.Items {
	c := repair.NewItems(t.TempDir())
	t.Cleanup(func() { must(t, c.Close()) })
	for _, it := range items {
		c.Add(it)
	}
	return c
}

func (w *world) options(src repair.Source) repair.Options {
	return repair.Options{
		Source: func(name string) (repair.Source, error) {
			if name != "weu" {
				return nil, errors.New("no such resource")
			}
			return src, nil
		},
		TempDir: w.t.TempDir(), RetryDelay: time.Microsecond,
	}
}

func states(r *repair.Report) map[repair.State]int {
	n := map[repair.State]int{}
	for _, o := range r.Objects {
		n[o.State]++
	}
	return n
}

func flipped(data []byte) []byte {
	data = bytes.Clone(data)
	data[len(data)/2] ^= 8
	return data
}

// onDisk copies a store into a folder.
func onDisk(t *testing.T, m *vaulttest.Memory) vault.Store {
	dir := t.TempDir()
	for _, name := range m.Names() {
		path := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, m.Bytes(name), 0o600))
	}
	s, err := dirstore.New(dir)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// Everything that the source still has is repaired, whatever happened to it.
func TestRepairsFromTheSource(t *testing.T) {
	w := newWorld(t)
	sound := map[string][]byte{}
	for _, name := range w.memory.Names() {
		sound[name] = w.memory.Bytes(name)
	}
	missing, emptied, bad, longer := w.name(w.images[1]), w.name(w.images[2]), w.name(w.images[3]), w.name(w.images[4])
	one, two, model, only := w.name(w.images[5]), w.name(w.images[6]), w.model(), w.name(w.deleted)
	must(t, w.memory.Delete(t.Context(), missing))
	w.memory.Put(emptied, nil)
	w.memory.Put(bad, flipped(sound[bad]))
	w.memory.Put(longer, append(bytes.Clone(sound[longer]), '!'))
	w.memory.Put(one, sound[two])
	w.memory.Put(two, sound[one])
	w.memory.Put(model, flipped(sound[model]))
	w.memory.Put(only, flipped(sound[only]))
	for kind, store := range map[string]vault.Store{"folder": onDisk(t, w.memory), "memory": w.memory} {
		t.Run(kind, func(t *testing.T) {
			items := find(t, store, w.archive)
			before, _ := w.sim.Resource("westeurope").BlobReads()
			dry := w.options(w.client)
			dry.DryRun = true
			counted := vaulttest.Count(store)
			report, err := run(t, t.Context(), vaulttest.Init(t, counted), items, dry)
			must(t, err)
			if want := map[repair.State]int{repair.Available: 8}; !maps.Equal(states(report), want) || counted.Creates.Load()+counted.Deletes.Load() > 0 {
				t.Fatalf("dry run: %v", states(report))
			}
			if reads, _ := w.sim.Resource("westeurope").BlobReads(); reads != before {
				t.Errorf("a dry run downloads: %d reads", reads-before)
			}
			report, err = run(t, t.Context(), vaulttest.Init(t, store), items, w.options(w.client))
			must(t, err)
			if want := map[repair.State]int{repair.Repaired: 8}; !maps.Equal(states(report), want) {
				t.Fatalf("%+v", report)
			}
			for name, data := range sound {
				if got := read(t, store, name); !bytes.Equal(got, data) {
					t.Errorf("%s: %d bytes instead of %d", name, len(got), len(data))
				}
			}
			if left := find(t, store, w.archive); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// What was deleted and is kept by the storage for a while comes back without the
// source; what came back with other bytes is had from it.
func TestSoftDeleted(t *testing.T) {
	w := newWorld(t)
	g := vaulttest.Guarding(w.memory)
	kept, other := w.name(w.images[1]), w.name(w.images[2])
	sound := w.memory.Bytes(kept)
	w.memory.Put(other, flipped(w.memory.Bytes(other)))
	for _, name := range []string{kept, other} {
		must(t, g.Delete(t.Context(), name))
	}
	items := find(t, g, w.archive)
	before, _ := w.sim.Resource("westeurope").BlobReads()
	dry := w.options(w.client)
	dry.DryRun = true
	report, err := run(t, t.Context(), vaulttest.Init(t, g), items, dry)
	must(t, err)
	if want := map[repair.State]int{repair.Available: 2}; !maps.Equal(states(report), want) || w.memory.Bytes(kept) != nil {
		t.Fatalf("dry run: %v", states(report))
	}
	report, err = run(t, t.Context(), vaulttest.Init(t, g), items, w.options(w.client))
	must(t, err)
	if want := map[repair.State]int{repair.Repaired: 2}; !maps.Equal(states(report), want) {
		t.Fatalf("%+v", report)
	}
	if reads, _ := w.sim.Resource("westeurope").BlobReads(); reads != before+1 || !bytes.Equal(w.memory.Bytes(kept), sound) {
		t.Errorf("%d downloads", reads-before)
	}
	if left := find(t, g, w.archive); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func read(t *testing.T, s vault.Store, name string) []byte {
	t.Helper()
	r, err := s.Open(context.Background(), name, 0, -1)
	must(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	must(t, err)
	return data
}

// An image that was deleted since its backup comes from a trained iteration,
// from another record with the same bytes, or not at all.
func TestDeletedImages(t *testing.T) {
	w := newWorld(t)
	shared, held := w.images[0], w.images[1]
	for _, id := range []string{shared, held} {
		w.memory.Put(w.name(id), flipped(w.bytes(w.name(id))))
	}
	must(t, w.client.DeleteProject(t.Context(), w.twinIn.ID))
	w.delete(shared)
	w.delete(held)
	report, err := run(t, t.Context(), vaulttest.Init(t, w.memory), find(t, w.memory, w.archive), w.options(w.client))
	must(t, err)
	if want := map[repair.State]int{repair.Repaired: 2}; !maps.Equal(states(report), want) {
		t.Fatalf("%+v", report)
	}
	for _, o := range report.Objects {
		if o.From == nil || o.From.ProjectID != w.project.ID {
			t.Errorf("repaired from %+v", o.From)
		}
	}
}

// From the other project, when its own has no trace of it.
func TestAnotherRecordWithTheSameBytes(t *testing.T) {
	w := newWorld(t)
	name, lost := w.name(w.images[0]), w.name(w.images[1])
	must(t, w.memory.Delete(t.Context(), name))
	damaged := flipped(w.bytes(lost))
	w.memory.Put(lost, damaged)
	items := find(t, w.memory, w.archive)
	if len(items) != 3 {
		t.Fatalf("items %v", items)
	}
	must(t, w.client.DeleteProject(t.Context(), w.project.ID))
	report, err := run(t, t.Context(), vaulttest.Init(t, w.memory), items, w.options(w.client))
	must(t, err)
	if want := map[repair.State]int{repair.Repaired: 1, repair.Lost: 1}; !maps.Equal(states(report), want) {
		t.Fatalf("%+v", report)
	}
	for _, o := range report.Objects {
		switch {
		case o.State == repair.Repaired && (o.Name != name || o.From.ImageID != w.twin || len(o.Items) != 2):
			t.Errorf("repaired %+v", o)
		case o.State == repair.Lost && (o.Name != lost || !strings.Contains(o.Reason, "404")):
			t.Errorf("lost %+v", o)
		}
	}
	if !bytes.Equal(w.bytes(lost), damaged) {
		t.Error("a damaged object that cannot be had again was touched")
	}
}

// altered serves other bytes than the service has.
type altered struct {
	repair.Source
	change func([]byte) []byte
}

func (a altered) Download(ctx context.Context, project string, uri manifest.Secret, offset int64) (io.ReadCloser, int64, error) {
	r, _, err := a.Source.Download(ctx, project, uri, 0)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	data = a.change(data)
	return io.NopCloser(bytes.NewReader(data[min(offset, int64(len(data))):])), int64(len(data)), err
}

// Bytes that are not the archived ones are never stored, and nothing is
// removed for them.
func TestOtherBytesAreNotTaken(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"other": flipped,
		"fewer": func(data []byte) []byte { return data[:len(data)-1] },
		"more":  func(data []byte) []byte { return append(data, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			bad := w.name(w.images[2])
			damaged := flipped(w.bytes(bad))
			w.memory.Put(bad, damaged)
			counted := vaulttest.Count(w.memory)
			report, err := run(t, t.Context(), vaulttest.Init(t, counted), find(t, w.memory, w.archive), w.options(altered{w.client, change}))
			must(t, err)
			if o := report.Objects[0]; o.State != repair.Lost || !strings.Contains(o.Reason, "has other bytes in weu now") {
				t.Errorf("%+v", o)
			}
			if !bytes.Equal(w.bytes(bad), damaged) || counted.Deletes.Load()+counted.Creates.Load() > 0 {
				t.Error("the vault was touched")
			}
		})
	}
}

// Whatever breaks while a damaged object is replaced, what is left is found
// by verify and mended by the next repair.
func TestBrokenOff(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		name   string
		fault  func(vault.Store) vault.Store
		there  bool // the damaged object still is
		reason string
	}{
		{"stored badly", func(s vault.Store) vault.Store {
			return vaulttest.FailCreate(s, vaulttest.When{Prefix: "objects/"}, boom)
		}, false, "good bytes are at hand and could not be stored"},
		{"not removed", func(s vault.Store) vault.Store { return immutable{s} }, true, "cannot be removed: immutable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			bad := w.name(w.images[2])
			w.memory.Put(bad, flipped(w.bytes(bad)))
			report, err := run(t, t.Context(), vaulttest.Init(t, tt.fault(w.memory)), find(t, w.memory, w.archive), w.options(w.client))
			must(t, err)
			if o := report.Objects[0]; o.State != repair.Lost || !strings.Contains(o.Reason, tt.reason) {
				t.Fatalf("%+v", o)
			}
			if _, err := w.memory.Stat(t.Context(), bad); (err == nil) != tt.there {
				t.Errorf("the object afterwards: %v", err)
			}
			items := find(t, w.memory, w.archive)
			if len(items) != 1 {
				t.Fatalf("verify finds %v", items)
			}
			report, err = run(t, t.Context(), vaulttest.Init(t, w.memory), items, w.options(w.client))
			if err != nil || report.Count(repair.Repaired) != 1 || len(find(t, w.memory, w.archive)) > 0 {
				t.Errorf("%+v, %v", report, err)
			}
			// What was repaired meanwhile is left alone.
			report, err = run(t, t.Context(), vaulttest.Init(t, immutable{w.memory}), items, w.options(w.client))
			if err != nil || report.Count(repair.Sound) != 1 {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

// immutable keeps everything.
type immutable struct{ vault.Store }

func (immutable) Delete(context.Context, string) error { return errors.New("immutable") }

// A source that is down is not asked for every image.
func TestSourceDown(t *testing.T) {
	w := newWorld(t)
	for _, id := range append(w.images, w.deleted, w.twin) {
		w.memory.Put(w.name(id), nil)
	}
	items := find(t, w.memory, w.archive)
	w.sim.Resource("westeurope").SetDown(true)
	calls := &countingSource{Source: w.client}
	report, err := run(t, t.Context(), vaulttest.Init(t, w.memory), items, w.options(calls))
	must(t, err)
	if report.Count(repair.Lost) != 10 || calls.n.Load() > 2 {
		t.Errorf("%d calls, %+v", calls.n.Load(), report)
	}
	for _, o := range report.Objects {
		if !strings.Contains(o.Reason, "GetImagesByIds on weu") {
			t.Errorf("reason %q", o.Reason)
		}
	}
	items[0].Source = "elsewhere"
	report, err = run(t, t.Context(), vaulttest.Init(t, w.memory), items[:1], w.options(calls))
	if err != nil || report.Objects[0].Reason != "no such resource" {
		t.Errorf("%+v, %v", report, err)
	}
}

type countingSource struct {
	repair.Source
	n atomic.Int64
}

func (c *countingSource) ImagesByIDs(ctx context.Context, p, it string, ids []string) ([]manifest.ListedImage, error) {
	c.n.Add(1)
	return c.Source.ImagesByIDs(ctx, p, it, ids)
}

func (c *countingSource) Iterations(ctx context.Context, p string) ([]manifest.Iteration, error) {
	c.n.Add(1)
	return c.Source.Iterations(ctx, p)
}

// A repair that is stopped tells what it did by then, and leaves every object
// as it was or repaired.
func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	for _, id := range w.images[1:] {
		w.memory.Put(w.name(id), nil)
	}
	items := find(t, w.memory, w.archive)
	ctx, cancel := context.WithCancel(t.Context())
	gate := vaulttest.Gate(w.memory, vaulttest.When{Prefix: "objects/", Nth: int64(len(items)) + 5}, func(context.Context, string) error {
		cancel()
		return nil
	})
	vaulttest.MustHit(t, gate)
	opt := w.options(w.client)
	opt.Downloads = 1
	report, err := run(t, ctx, vaulttest.Init(t, gate), items, opt)
	if !errors.Is(err, context.Canceled) || len(report.Objects) != len(items) {
		t.Fatalf("%+v, %v", report, err)
	}
	done := report.Count(repair.Repaired)
	if left := len(find(t, w.memory, w.archive)); done == 0 || left != len(items)-done {
		t.Errorf("%d of %d repaired, %d left", done, len(items), left)
	}
	for _, id := range w.images {
		if _, err := w.memory.Stat(t.Context(), w.name(id)); err != nil {
			t.Errorf("an object is missing: %v", err)
		}
	}
}
