package backup_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/backup"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
)

func fault(operation string, status int, body string) simulator.Fault {
	return simulator.Fault{Operation: operation, Status: status, Body: body}
}

func virtualNetwork(o *simulator.Options) { o.Resources[0].VNET = true }

// inject puts a fault in place that must strike.
func (w *world) inject(f simulator.Fault) {
	i := w.resource().Inject(f)
	w.t.Cleanup(func() {
		if i.Hits() == 0 {
			w.t.Errorf("the fault of %s was never hit", f.Operation)
		}
	})
}

// broken is a service that fails to list some pages: it is pages that are
// chosen, for they are asked for at once.
type broken struct {
	*customvision.Client
	calls atomic.Int64
	page  func(call int64, q manifest.ImageQuery) bool
}

func (s *broken) Images(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	if s.page(s.calls.Add(1), q) {
		return nil, &manifest.ServiceError{Operation: "GetImages", StatusCode: 500, Code: "ErrorUnknown", Message: "Broken."}
	}
	return s.Client.Images(ctx, projectID, q)
}

// noArchive checks that a failed backup left a vault without archives and
// without leftovers in the temporary folder.
func (w *world) noArchive(temp string) {
	w.t.Helper()
	if archives, err := w.vault.Archives(context.Background()); err != nil || len(archives) > 0 {
		w.t.Errorf("the vault has the archives %v, %v", archives, err)
	}
	w.cleanTemp(temp)
}

func (w *world) cleanTemp(dir string) {
	w.t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		w.t.Errorf("the temporary folder holds %v, %v", left, err)
	}
}

func TestErrorsBeforeAnythingIsCaptured(t *testing.T) {
	w := newWorld(t)
	p := w.project("here", plainDomain)
	w.fill(p, 2)

	t.Run("project missing", func(t *testing.T) {
		opt := w.options(func(o *backup.Options) { o.Projects = []string{"here", "not here"} })
		_, err := backup.Run(t.Context(), w.client, w.vault, opt)
		missing, ok := errors.AsType[*backup.ProjectError](err)
		if !ok || missing.Name != "not here" || !strings.Contains(err.Error(), `"not here"`) {
			t.Errorf("error %v", err)
		}
		w.noArchive(opt.TempDir)
	})
	t.Run("wrong key", func(t *testing.T) {
		opt := w.options()
		_, err := backup.Run(t.Context(), w.connect("another-key"), w.vault, opt)
		if !manifest.IsForbidden(err) || strings.Contains(err.Error(), "another-key") {
			t.Errorf("error %v", err)
		}
		w.noArchive(opt.TempDir)
	})
	t.Run("source without a usable name", func(t *testing.T) {
		opt := w.options(func(o *backup.Options) { o.Source.Name = "../x" })
		if _, err := backup.Run(t.Context(), w.client, w.vault, opt); err == nil {
			t.Error("no error")
		}
		w.noArchive(opt.TempDir)
	})
	if blobs, _ := w.resource().BlobReads(); blobs != 0 {
		t.Errorf("%d blobs were read", blobs)
	}
}

// twoOfAName is a source with two projects of one name, which the service
// does not allow today.
type twoOfAName struct{ backup.Source }

func (s twoOfAName) Projects(ctx context.Context) ([]manifest.Project, error) {
	all, err := s.Source.Projects(ctx)
	for i := range all {
		all[i].Name = "same"
	}
	return all, err
}

func TestAmbiguousProject(t *testing.T) {
	w := newWorld(t)
	a, b := w.project("a", plainDomain), w.project("b", plainDomain)
	opt := w.options(func(o *backup.Options) { o.Projects = []string{"same"} })
	_, err := backup.Run(t.Context(), twoOfAName{w.client}, w.vault, opt)
	if e, ok := errors.AsType[*backup.ProjectError](err); !ok || len(e.Candidates) != 2 ||
		!strings.Contains(err.Error(), a.ID) || !strings.Contains(err.Error(), b.ID) {
		t.Errorf("error %v", err)
	}
}

// strange is a source that lists a project and images without usable ids.
type strange struct{ backup.Source }

func (s strange) Projects(ctx context.Context) ([]manifest.Project, error) {
	all, err := s.Source.Projects(ctx)
	return append(all, manifest.Project{ID: "../../x", Name: "no id"}), err
}

func (s strange) Images(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	list, err := s.Source.Images(ctx, projectID, q)
	if len(list) > 1 {
		list[0].ID = "../../../etc/passwd"
		list[1].Width = -1
	}
	return list, err
}

func TestRecordsThatCannotBeKept(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 4)
	res, err := backup.Run(t.Context(), strange{w.client}, w.vault, w.options())
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Manifest.Failures) != 1 || !strings.Contains(res.Manifest.Failures[0].Item, "no id") || len(res.Manifest.Projects) != 1 {
		t.Errorf("failures %+v, projects %+v", res.Manifest.Failures, res.Manifest.Projects)
	}
	c := w.read(res, p.ID)
	if diff := cmp.Diff([]string{"images NoID", "images CountDiffers"}, failureCodes(c.entry.Failures)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ids(images[1:]), c.order); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if img := c.images[images[1].ID]; img.Failure == nil || img.Object == nil || *img.Object != *objectOf(images[1].bytes) {
		t.Errorf("image %+v", img)
	}
}

// One project that errors does not stop the others.
func TestOneBadProject(t *testing.T) {
	w := newWorld(t)
	bad, good := w.project("a bad one", plainDomain), w.project("good", plainDomain)
	w.fill(bad, 3)
	images := w.fill(good, 3)
	// The first call and its two repetitions.
	w.inject(simulator.Fault{Operation: "GetImages", Status: 500, Times: 3, Body: `{"code":"ErrorUnknown","message":"No luck today."}`})
	res := w.backup(func(o *backup.Options) { o.Parallel = 1 })

	if res.Whole() {
		t.Error("the backup counts as whole")
	}
	c := w.read(res, bad.ID)
	if c.entry.Outcome != manifest.Partial || len(c.entry.Failures) != 1 { // its token is still good
		t.Fatalf("entry %+v", c.entry)
	}
	if f := c.entry.Failures[0]; f.Operation != "GetImages" || f.Code != "ErrorUnknown" || !strings.Contains(f.Message, "No luck today") {
		t.Errorf("failure %+v", f)
	}
	c = w.read(res, good.ID)
	if diff := cmp.Diff(ids(images), c.order); diff != "" || c.entry.Outcome != manifest.Complete {
		t.Errorf("the good project is %s (-want +got):\n%s", c.entry.Outcome, diff)
	}
}

func TestNothingCaptured(t *testing.T) {
	w := newWorld(t)
	w.resource().SetNoExport(true)
	w.fill(w.project("p", plainDomain), 3)
	w.inject(simulator.Fault{Operation: "GetImages", Status: 500, Times: -1})
	opt := w.options()
	_, err := backup.Run(t.Context(), w.client, w.vault, opt)
	if _, ok := errors.AsType[*backup.NothingCapturedError](err); !ok {
		t.Errorf("error %v", err)
	}
	w.noArchive(opt.TempDir)
}

// Listings beside the images may fail too.
func TestListingsThatFail(t *testing.T) {
	for operation, item := range map[string]string{
		"GetTags": "tags", "GetIterations": "iterations", "GetIterationPerformance": "performance of iteration",
		"GetExports": "models of iteration", "GetDomains": "domains",
	} {
		t.Run(operation, func(t *testing.T) {
			w := newWorld(t)
			p, images := w.trainable("p", compactDomain, 10)
			w.train(p)
			w.inject(fault(operation, 400, `{"code":"BadRequest","message":"Not today."}`))
			res := w.backup()
			c := w.read(res, p.ID)
			failures := slices.Concat(res.Manifest.Failures, c.entry.Failures)
			if res.Whole() || len(failures) != 1 || !strings.HasPrefix(failures[0].Item, item) || failures[0].Operation != operation {
				t.Errorf("failures %+v", failures)
			}
			if len(c.images) != len(images) {
				t.Errorf("%d images, want %d", len(c.images), len(images))
			}
			if operation == "GetTags" && c.images[images[0].ID].Tags[0].TagName != "a" {
				t.Error("an image does not name its tag, and tags.json does not list it")
			}
		})
	}
}

func TestOneImageGone(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	w.fill(p, 20)
	w.inject(fault(simulator.BlobOperation, 404, `<?xml version="1.0"?><Error><Code>BlobNotFound</Code><Message>Gone.</Message></Error>`))
	res := w.backup()
	c := w.read(res, p.ID)
	if res.Whole() || c.entry.Outcome != manifest.Partial || c.entry.Counts.FailedImages != 1 || len(c.images) != 20 {
		t.Errorf("entry %+v", c.entry)
	}
	if len(res.Items) != 1 {
		t.Fatalf("items %v", res.Items)
	}
	id := strings.TrimPrefix(res.Items[0].Failure.Item, "image ")
	img := c.images[id]
	if img.Object != nil || img.Failure == nil || img.Failure.Code != "BlobNotFound" || res.Items[0].Project != "p" {
		t.Errorf("image %+v, item %+v", img, res.Items[0])
	}
	if n := len(w.messages(progress.ItemFailed)); n != 1 {
		t.Errorf("%d failures were reported, want 1", n)
	}
	// The next backup makes up for it.
	if res := w.backup(); !res.Whole() || res.Stats.ImagesDownloaded != 1 {
		t.Errorf("stats of the next backup %+v", res.Stats)
	}
}

func TestBytesThatAreNoPicture(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	w.fill(p, 3)
	w.inject(fault(simulator.BlobOperation, 200, "<html>a captive portal</html>"))
	res := w.backup()
	c := w.read(res, p.ID)
	if len(c.entry.Failures) != 1 || c.entry.Failures[0].Code != "NotAPicture" {
		t.Fatalf("failures %+v", c.entry.Failures)
	}
	img := c.images[strings.TrimPrefix(c.entry.Failures[0].Item, "image ")]
	if img.Object == nil || img.Object.Ext != "bin" || res.Whole() {
		t.Errorf("image %+v, whole %v", img, res.Whole())
	}
	// The next backup does not take them for the image's.
	if res := w.backup(); !res.Whole() || res.Stats.ImagesDownloaded != 1 {
		t.Errorf("the next backup: whole %v, stats %+v", res.Whole(), res.Stats)
	}
}

// Bytes that are changed on the way are not what the storage's MD5 says.
func TestBytesChangedOnTheWay(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 2)
	sum := md5.Sum(images[0].bytes)
	w.inject(simulator.Fault{
		Operation: simulator.BlobOperation, Status: 200, Body: string(images[1].bytes),
		Header: http.Header{"Content-Md5": {base64.StdEncoding.EncodeToString(sum[:])}},
	})
	res := w.backup(func(o *backup.Options) { o.Downloads = 1 })
	c := w.read(res, p.ID)
	for _, img := range images {
		if got := c.images[img.ID].Object; got == nil || *got != *objectOf(img.bytes) {
			t.Errorf("image %s has object %v", img.ID, got)
		}
	}
	if !res.Whole() {
		t.Errorf("items %v", res.Items)
	}
}

func TestEmptyBody(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 1)
	w.inject(fault(simulator.BlobOperation, 200, ""))
	c := w.read(w.backup(), p.ID)
	if img := c.images[images[0].ID]; img.Object != nil || img.Failure == nil || !strings.Contains(img.Failure.Message, "no bytes") {
		t.Errorf("image %+v", img)
	}
}

// Links live about a day; expired ones are renewed with one call a page.
func TestExpiredLinksAreRenewed(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 40)
	var once atomic.Bool
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, Do: func() {
		if once.CompareAndSwap(false, true) {
			w.sim.Service.Advance(25 * time.Hour)
		}
	}})
	w.resource().ResetCalls()
	res := w.backup()
	if !res.Whole() {
		t.Errorf("items %v", res.Items)
	}
	if _, calls := w.calls(); calls["GetImagesByIds"] != 1 {
		t.Errorf("calls %v", calls)
	}
	c := w.read(res, p.ID)
	for _, img := range images {
		if got := c.images[img.ID].Object; got == nil || *got != *objectOf(img.bytes) {
			t.Errorf("image %s has object %v", img.ID, got)
		}
	}
}

func TestLinksNearTheirEndAreNotTried(t *testing.T) {
	w := newWorld(t, func(o *simulator.Options) { o.LinkLife = time.Minute })
	p := w.project("p", plainDomain)
	w.fill(p, 10)
	w.resource().ResetCalls()
	res := w.backup()
	blobs, _ := w.resource().BlobReads()
	if _, calls := w.calls(); calls["GetImagesByIds"] != 1 || blobs != 10 || !res.Whole() {
		t.Errorf("calls %v, %d blobs read", calls, blobs)
	}
}

// An image that was deleted between its listing and its download has no
// link any more.
func TestImageDeletedWhileCaptured(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 3)
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, Status: 403, Do: func() { w.remove(p, images...) }})
	res := w.backup(func(o *backup.Options) { o.Downloads = 1 })
	if len(res.Items) != 3 || !strings.Contains(res.Items[0].Failure.Message, "deleted while") {
		t.Errorf("items %v", res.Items)
	}
}

func TestTruncatedDownloadsResume(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 5)
	size := 0
	for _, img := range images {
		size += len(img.bytes)
	}
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, DropAfter: 10, Times: 10}) // all ten may be of one image, which has more bytes
	res := w.backup()
	if !res.Whole() {
		t.Fatalf("items %v", res.Items)
	}
	if requests, _ := w.resource().BlobReads(); requests != 5+10 || res.Stats.BytesDownloaded != int64(size) {
		t.Errorf("%d requests brought %d bytes, want 15 and %d", requests, res.Stats.BytesDownloaded, size)
	}
	c := w.read(res, p.ID)
	for _, img := range images {
		w.wantBytes(t, *c.images[img.ID].Object, img.bytes)
	}
}

func TestDownloadThatNeverBegins(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	w.fill(p, 1)
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, Lose: true, Times: -1})
	res := w.backup()
	if len(res.Items) != 1 || res.Whole() {
		t.Fatalf("items %v", res.Items)
	}
	if m := res.Items[0].Failure.Message; strings.Contains(m, "sig=") {
		t.Errorf("the failure shows a link's signature: %s", m)
	}
}

func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	w.fill(p, 100)
	ctx, cancel := context.WithCancel(t.Context())
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, After: 60, Do: cancel})
	opt := w.options()
	_, err := backup.Run(ctx, w.client, w.vault, opt)
	stopped, ok := errors.AsType[*backup.InterruptedError](err)
	if !ok || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "run the same command") {
		t.Fatalf("error %v", err)
	}
	w.noArchive(opt.TempDir)
	w.verifyObjects()
	// What it says it kept is there, and is not stored again.
	before := w.objects()
	if stopped.Stored < 30 || int(stopped.Stored) != before {
		t.Errorf("it says %d objects were stored, there are %d", stopped.Stored, before)
	}
	res := w.backup()
	if !res.Whole() || res.Stats.ObjectsStored != 100-before {
		t.Errorf("the next backup stored %d objects, want %d", res.Stats.ObjectsStored, 100-before)
	}
}

// objects counts what the vault holds.
func (w *world) objects() (n int) {
	w.t.Helper()
	for _, err := range w.store.List(context.Background(), "objects/") {
		if err != nil {
			w.t.Fatal(err)
		}
		n++
	}
	return n
}

func TestUnwritable(t *testing.T) {
	for name, when := range map[string]vaulttest.When{
		"objects": {Prefix: "objects/", Nth: 10},
		"archive": {Prefix: "archives/"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fill(w.project("p", plainDomain), 30)
			full := vaulttest.FailCreate(w.store, when, syscall.ENOSPC)
			vaulttest.MustHit(t, full)
			opt := w.options()
			_, err := backup.Run(t.Context(), w.client, vaulttest.Init(t, full), opt)
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("error %v", err)
			}
			w.noArchive(opt.TempDir)
		})
	}
	t.Run("temporary folder", func(t *testing.T) {
		w := newWorld(t)
		opt := w.options(func(o *backup.Options) { o.TempDir += "/not there" })
		if _, err := backup.Run(t.Context(), w.client, w.vault, opt); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
}

// An object that is in the vault with another size is nothing that a backup
// may overwrite.
func TestDamagedObjectInTheWay(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 3)
	name := w.vault.ObjectName(*objectOf(images[1].bytes))
	if err := w.store.Create(t.Context(), name, strings.NewReader("cut")); err != nil {
		t.Fatal(err)
	}
	res := w.backup()
	if len(res.Items) != 1 || res.Items[0].Failure.Item != "image "+images[1].ID || !strings.Contains(res.Items[0].Failure.Message, "damaged") {
		t.Errorf("items %v", res.Items)
	}
}

// verifyObjects reads every object of the vault against its name.
func (w *world) verifyObjects() {
	w.t.Helper()
	for info, err := range w.store.List(context.Background(), "objects/") {
		if err != nil {
			w.t.Fatal(err)
		}
		digest, ext, _ := strings.Cut(path.Base(info.Name), ".")
		sum, err := manifest.ParseDigest(digest)
		if err != nil {
			w.t.Fatal(err)
		}
		r, err := w.vault.OpenObject(context.Background(), manifest.Object{SHA256: sum, Size: info.Size, Ext: ext})
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			w.t.Error(err)
		}
	}
}
