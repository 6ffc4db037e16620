package backup_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/image/bmp"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

// Domains of the service, by their published ids.
const (
	plainDomain     = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31" // General, not exportable
	compactDomain   = "0732100f-1a38-4e49-a514-c9b44c697ab5" // General (compact)
	detectionDomain = "da2e3a8a-40a5-4171-82f4-58522f70fbc1" // General, detection
)

const region = "westeurope"

// world is a resource to back up and a vault to put it into.
type world struct {
	t      testing.TB
	sim    *simtest.Server
	client *customvision.Client
	store  *vaulttest.Counter
	vault  *vault.Vault
	drawn  int // pictures so far: each is different
	png    png.Encoder

	mu     sync.Mutex
	events []progress.Event
}

func newWorld(t testing.TB, change ...func(*simulator.Options)) *world {
	opt := simulator.Options{
		Resources:     []simulator.ResourceOptions{{Name: region, Key: "the-key"}},
		TrainDuration: -1, ExportDuration: -1,
	}
	for _, f := range change {
		f(&opt)
	}
	w := &world{t: t, sim: simtest.Start(t, opt), store: vaulttest.Count(vaulttest.NewMemory()), png: png.Encoder{BufferPool: &onePNG{}}}
	w.vault = vaulttest.Init(t, w.store)
	w.client = w.connect("the-key")
	return w
}

// connect returns a client that does not wait.
func (w *world) connect(key string) *customvision.Client {
	w.t.Helper()
	c, err := customvision.New(customvision.Options{
		Name: "weu", Endpoint: w.sim.Endpoint(region), TrainingKey: manifest.NewSecret(key), CallsPerSecond: -1,
		Retry: policy.RetryOptions{MaxRetries: 2, RetryDelay: time.Millisecond, MaxRetryDelay: time.Millisecond},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) resource() *simulator.Resource { return w.sim.Resource(region) }

// options are those of the tests: no waiting, events kept.
func (w *world) options(change ...func(*backup.Options)) backup.Options {
	opt := backup.Options{
		Source:  manifest.Source{Name: "weu", Endpoint: w.sim.Endpoint(region), APIVersion: customvision.APIVersion},
		Tool:    manifest.Tool{Name: "cvarchive", Version: "test"},
		TempDir: w.t.TempDir(), RetryDelay: time.Microsecond,
		Downloads: 16, // fewer than there are images, so that one that is stopped half-way has some to do
		Progress: func(e progress.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	}
	for _, f := range change {
		f(&opt)
	}
	return opt
}

// backup runs a backup that must come to an end.
func (w *world) backup(change ...func(*backup.Options)) *backup.Result {
	w.t.Helper()
	res, err := backup.Run(w.t.Context(), w.client, w.vault, w.options(change...))
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// calls counts the calls of a backup at the simulator.
func (w *world) calls() (total int, byName map[string]int) {
	byName = w.resource().Calls()
	for _, n := range byName {
		total += n
	}
	return total, byName
}

func (w *world) project(name, domainID string) manifest.Project {
	w.t.Helper()
	p, err := w.client.CreateProject(w.t.Context(), manifest.NewProject{Name: name, Description: "about " + name, DomainID: domainID})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) tag(p manifest.Project, name, kind string) manifest.Tag {
	w.t.Helper()
	tag, err := w.client.CreateTag(w.t.Context(), p.ID, manifest.Tag{Name: name, Type: kind, Description: "all that is " + name})
	if err != nil {
		w.t.Fatal(err)
	}
	return tag
}

// picture draws a small picture unlike any before.
func (w *world) picture(format string) []byte {
	w.t.Helper()
	w.drawn++
	img := image.NewPaletted(image.Rect(0, 0, 24, 16), color.Palette{
		color.White, color.Black, color.RGBA{uint8(w.drawn), uint8(w.drawn >> 8), 0x80, 0xff},
	})
	for i := range 16 {
		img.SetColorIndex(i, 3, uint8(w.drawn>>i&1))
		img.SetColorIndex(i, 8, 2)
	}
	var b bytes.Buffer
	var err error
	switch format {
	case "jpg":
		err = jpeg.Encode(&b, img, &jpeg.Options{Quality: 100})
	case "png":
		err = w.png.Encode(&b, img)
	case "gif":
		err = gif.Encode(&b, img, nil)
	case "bmp":
		err = bmp.Encode(&b, img)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// onePNG saves most of the work of small pictures, which is to make room for
// large ones.
type onePNG struct{ buffer *png.EncoderBuffer }

func (p *onePNG) Get() *png.EncoderBuffer  { return p.buffer }
func (p *onePNG) Put(b *png.EncoderBuffer) { p.buffer = b }

// stored is an image that was put into the service.
type stored struct {
	manifest.Image
	bytes []byte
}

func objectOf(data []byte) *manifest.Object {
	return &manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: manifest.SniffExt(data)}
}

// upload puts one batch into a project and returns its images in their
// order.
func (w *world) upload(p manifest.Project, b manifest.ImageBatch) []stored {
	w.t.Helper()
	for i := range b.Images {
		b.Images[i].Name = fmt.Sprint(i)
	}
	sum, err := w.client.CreateImagesFromFiles(w.t.Context(), p.ID, b)
	if err != nil {
		w.t.Fatal(err)
	}
	out := make([]stored, len(b.Images))
	for _, r := range sum.Images {
		i := slices.IndexFunc(b.Images, func(n manifest.NewImage) bool { return n.Name == r.SourceURL })
		if r.Status != manifest.ImageOK {
			w.t.Fatalf("upload: image %d is %s", i, r.Status)
		}
		data := b.Images[i].Contents
		out[i] = stored{Image: r.Image.Image, bytes: data}
		out[i].Object, out[i].Metadata = objectOf(data), b.Metadata
	}
	return out
}

// fill uploads n pictures, tagged if tags are given.
func (w *world) fill(p manifest.Project, n int, tags ...manifest.Tag) []stored {
	w.t.Helper()
	var ids []string
	for _, t := range tags {
		ids = append(ids, t.ID)
	}
	var out []stored
	for n > 0 {
		var b manifest.ImageBatch
		for range min(n, manifest.MaxBatch) {
			b.Images = append(b.Images, manifest.NewImage{Contents: w.picture("png"), TagIDs: ids})
		}
		n -= len(b.Images)
		out = append(out, w.upload(p, b)...)
	}
	return out
}

// trainable makes a project that can be trained any time.
func (w *world) trainable(name, domainID string, images int) (manifest.Project, []stored) {
	w.t.Helper()
	p := w.project(name, domainID)
	a, b := w.tag(p, "a", manifest.TagRegular), w.tag(p, "b", manifest.TagRegular)
	return p, slices.Concat(w.fill(p, images/2, a), w.fill(p, images-images/2, b))
}

func (w *world) train(p manifest.Project) manifest.Iteration {
	w.t.Helper()
	it, err := w.client.Train(w.t.Context(), p.ID, manifest.TrainOptions{ForceTrain: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return it
}

func (w *world) remove(p manifest.Project, images ...stored) {
	w.t.Helper()
	for chunk := range slices.Chunk(images, manifest.MaxPage) {
		var ids []string
		for _, img := range chunk {
			ids = append(ids, img.ID)
		}
		if err := w.client.DeleteImages(w.t.Context(), p.ID, customvision.ImageDeletion{IDs: ids}); err != nil {
			w.t.Error(err) // perhaps in another goroutine
		}
	}
}

// content is what an archive holds of a project, by image id.
type content struct {
	archive.ProjectMembers
	entry  manifest.ProjectEntry
	order  []string
	images map[string]manifest.Image
}

// read reads a project back.
func (w *world) read(res *backup.Result, projectID string) content {
	w.t.Helper()
	ctx := context.Background()
	f, err := w.vault.OpenArchive(ctx, res.Archive)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	r, err := archive.NewReader(f, f.Size())
	if err != nil {
		w.t.Fatal(err)
	}
	e := r.Manifest().Project(projectID)
	if e == nil {
		w.t.Fatalf("the archive does not hold project %s", projectID)
	}
	c := content{entry: *e, images: map[string]manifest.Image{}}
	if c.ProjectMembers, err = r.Project(ctx, projectID); err != nil {
		w.t.Fatal(err)
	}
	for rec, err := range r.Images(ctx, projectID) {
		if err != nil {
			w.t.Fatal(err)
		}
		c.order = append(c.order, rec.ID)
		c.images[rec.ID] = rec.Image
	}
	return c
}

// warnings are the messages of the events of one kind.
func (w *world) messages(kind progress.Kind) (list []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == kind {
			list = append(list, e.Message)
		}
	}
	return list
}

func failureCodes(list []manifest.Failure) (codes []string) {
	for _, f := range list {
		codes = append(codes, f.Item+" "+f.Code)
	}
	return codes
}

func ids(images []stored) (list []string) {
	for _, img := range images {
		list = append(list, img.ID)
	}
	return list
}
