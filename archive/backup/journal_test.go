package backup_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cvarchive/archive/backup"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/remote/simulator"
)

var errDead = errors.New("the process is gone")

// mortal makes a store that stores nothing any more once it is dead: to the
// vault, a process that was killed.
func mortal(s vault.Store) (_ vault.Store, kill func(), dead func() bool) {
	var gone atomic.Bool
	return vaulttest.Gate(s, vaulttest.When{}, func(context.Context, string) error {
		if gone.Load() {
			return errDead
		}
		return nil
	}), func() { gone.Store(true) }, gone.Load
}

// killed runs a backup that is killed when so many images were downloaded,
// and returns how many objects it left.
func (w *world) killed(after int, change ...func(*backup.Options)) int {
	w.t.Helper()
	store, kill, _ := mortal(w.store)
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, After: after, Do: kill})
	if _, err := backup.Run(w.t.Context(), w.client, vaulttest.Init(w.t, store), w.options(change...)); !errors.Is(err, errDead) {
		w.t.Fatalf("error %v", err)
	}
	return w.objects()
}

func (w *world) segments() []vault.Segment {
	w.t.Helper()
	list, err := w.vault.Segments(context.Background(), "weu")
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// A backup that was killed goes on where it was: what it stored is not
// downloaded again, but for what the journal did not name yet. Two kills are
// no worse than one.
func TestKilledBackupGoesOn(t *testing.T) {
	const images, flush, downloads = 500, 64, 8
	w := newWorld(t)
	w.fill(w.project("p", plainDomain), images)
	few := func(o *backup.Options) { o.Downloads = downloads }

	first := w.killed(200, few)
	second := w.killed(150, few)
	if first < 190 || second <= first {
		t.Fatalf("%d and %d objects after the first and second kill", first, second)
	}
	w.resource().ResetCalls()
	res := w.backup(few)
	// At each kill one segment was filling, and another being written.
	atMost := images - second + 2*(2*flush+downloads)
	blobs, _ := w.resource().BlobReads()
	t.Logf("%d of %d images stored before the kills, %d downloaded afterwards", second, images, blobs)
	// Reads that the kill cut off may be counted late.
	if s := res.Stats; blobs > atMost || s.ImagesDownloaded > blobs || s.ImagesReused+s.ImagesDownloaded != images || !res.Whole() {
		t.Errorf("%d downloads, want at most %d; stats %+v", blobs, atMost, res.Stats)
	}
	if left := w.segments(); len(left) > 0 {
		t.Errorf("the archive is written and the journal still there: %v", left)
	}

	w.resource().ResetCalls()
	creates := w.store.Creates.Load()
	w.backup()
	blobs, _ = w.resource().BlobReads()
	if n := w.store.Creates.Load() - creates; blobs != 0 || n != 1 {
		t.Errorf("an unchanged account took %d downloads and %d writes, want 0 and the archive", blobs, n)
	}
}

// Stopped in good order, not even what was just stored is downloaded again.
func TestInterruptedBackupGoesOn(t *testing.T) {
	w := newWorld(t)
	w.fill(w.project("p", plainDomain), 100)
	ctx, cancel := context.WithCancel(t.Context())
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, After: 60, Do: cancel})
	if _, err := backup.Run(ctx, w.client, w.vault, w.options()); err == nil {
		t.Fatal("not interrupted")
	}
	before := w.objects()
	if res := w.backup(); res.Stats.ImagesDownloaded != 100-before {
		t.Errorf("%d images were stored, and %d of 100 were downloaded afterwards", before, res.Stats.ImagesDownloaded)
	}
}

// Asked to stop, a backup finishes what it has begun, begins nothing else,
// and says so in the journal.
func TestStop(t *testing.T) {
	const downloads = 8
	w := newWorld(t)
	for _, name := range []string{"p", "q"} {
		w.fill(w.project(name, plainDomain), 100)
	}
	stop := make(chan struct{})
	var once sync.Once
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, After: 60, Times: -1, Do: func() {
		once.Do(func() { close(stop) })
		<-stop
		time.Sleep(20 * time.Millisecond) // let it see the stop before anything else is finished
	}})
	w.resource().ResetCalls()
	opt := w.options(func(o *backup.Options) { o.Stop, o.Downloads = stop, downloads })
	_, err := backup.Run(t.Context(), w.client, w.vault, opt)
	stopped, ok := errors.AsType[*backup.InterruptedError](err)
	if !ok || !errors.Is(err, backup.ErrStopped) || !strings.Contains(err.Error(), "run the same command") {
		t.Fatalf("error %v", err)
	}
	w.noArchive(opt.TempDir)
	reads, _ := w.resource().BlobReads()
	if reads < 61 || reads > 60+downloads+1 {
		t.Errorf("%d images were begun, want those before the stop and at most %d in flight", reads, downloads)
	}
	if int(stopped.Stored) != reads || w.objects() != reads {
		t.Errorf("%d images were begun, %d are said to be stored, %d are", reads, stopped.Stored, w.objects())
	}
	if failed := w.messages(progress.ItemFailed); len(failed) > 0 {
		t.Errorf("what was not begun is said to have failed: %q", failed)
	}
	if res := w.backup(); res.Stats.ImagesDownloaded != 200-reads || !res.Whole() {
		t.Errorf("stats %+v", res.Stats)
	}
}

// Stop works at any moment, also before anything was begun and when the
// service is waited for.
func TestStopBetweenDownloads(t *testing.T) {
	w := newWorld(t)
	p, _ := w.trainable("p", compactDomain, 20)
	w.train(p)
	for _, operation := range []string{"GetProjects", "GetDomains", "GetTags", "ExportProject", "GetImages", "GetIterationPerformance", "GetExports"} {
		stop := make(chan struct{})
		w.inject(simulator.Fault{Operation: operation, Do: func() { close(stop) }})
		opt := w.options(func(o *backup.Options) { o.Stop = stop })
		if _, err := backup.Run(t.Context(), w.client, w.vault, opt); !errors.Is(err, backup.ErrStopped) {
			t.Errorf("%s: error %v", operation, err)
		}
		w.noArchive(opt.TempDir)
	}
	if failed := w.messages(progress.ItemFailed); len(failed) > 0 {
		t.Errorf("what was not begun is said to have failed: %q", failed)
	}
}

// A slow backup is noted too: the flush does not wait for ever for a segment
// to fill.
func TestJournalIsWrittenAtIntervals(t *testing.T) {
	w := newWorld(t)
	w.fill(w.project("p", plainDomain), 30)
	store, kill, _ := mortal(w.store)
	var seen atomic.Int64
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, After: 20, Do: func() {
		for len(w.segments()) == 0 {
			time.Sleep(time.Millisecond)
		}
		seen.Store(int64(len(w.segments())))
		kill()
	}})
	opt := w.options(func(o *backup.Options) { o.FlushEvery, o.Downloads = time.Millisecond, 1 })
	if _, err := backup.Run(t.Context(), w.client, vaulttest.Init(t, store), opt); !errors.Is(err, errDead) || seen.Load() == 0 {
		t.Fatalf("error %v", err)
	}
	if res := w.backup(); res.Stats.ImagesDownloaded == 30 {
		t.Error("nothing was saved")
	}
}

// Segments stay until an archive has what they name.
func TestJournalStaysWhileItIsNeeded(t *testing.T) {
	w := newWorld(t)
	p, q := w.project("p", plainDomain), w.project("q", plainDomain)
	w.fill(p, 200)
	w.fill(q, 10)
	w.killed(180, func(o *backup.Options) { o.Projects = []string{"p"} })
	before := len(w.segments())
	if before == 0 {
		t.Fatal("no journal")
	}
	w.backup(func(o *backup.Options) { o.Projects = []string{"q"} })
	w.backup(func(o *backup.Options) { o.MetadataOnly = true })
	if n := len(w.segments()); n != before {
		t.Errorf("%d of %d segments are left by backups without the project's images", n, before)
	}
	i := w.resource().Inject(fault("GetImages", 400, `{"code":"BadRequestInvalid","message":"no"}`))
	w.backup(func(o *backup.Options) { o.Projects = []string{"p"} }) // lists nothing of it
	if n := len(w.segments()); n != before || i.Hits() != 1 {
		t.Errorf("%d of %d segments are left by a backup that did not see the images", n, before)
	}
	later := func(o *backup.Options) {
		o.Projects, o.Now = []string{"q"}, func() time.Time { return time.Now().Add(31 * 24 * time.Hour) }
	}
	if w.backup(later); len(w.segments()) != 0 {
		t.Errorf("after a month there still are %v", w.segments())
	}
}

// The images of a project that was deleted are not needed any more.
func TestJournalOfADeletedProject(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	w.fill(p, 200)
	w.fill(w.project("q", plainDomain), 1)
	w.killed(180)
	if err := w.client.DeleteProject(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	if w.backup(); len(w.segments()) != 0 {
		t.Errorf("segments %v", w.segments())
	}
}

// What a journal says is checked: against its digest, the resource, and the
// vault.
func TestJournalIsNotBelieved(t *testing.T) {
	entry := func(p manifest.Project, img stored, o manifest.Object) vault.JournalEntry {
		return vault.JournalEntry{Project: strings.ToUpper(p.ID), Image: img.ID, Object: o}
	}
	for name, tt := range map[string]struct {
		journal func(w *world, p manifest.Project, img []stored) vault.Journal
		damage  bool
		warns   string
	}{
		"damaged": {damage: true, warns: "is damaged", journal: func(w *world, p manifest.Project, img []stored) vault.Journal {
			return vault.Journal{Endpoint: w.sim.Endpoint(region), Entries: []vault.JournalEntry{entry(p, img[0], *objectOf(img[1].bytes))}}
		}},
		"of another resource": {warns: "another resource", journal: func(w *world, p manifest.Project, img []stored) vault.Journal {
			return vault.Journal{Endpoint: "https://else.invalid", Entries: []vault.JournalEntry{entry(p, img[0], *objectOf(img[1].bytes))}}
		}},
		"of an object that is not there": {warns: "lost the bytes", journal: func(w *world, p manifest.Project, img []stored) vault.Journal {
			return vault.Journal{Endpoint: w.sim.Endpoint(region), Entries: []vault.JournalEntry{entry(p, img[0], *objectOf([]byte("GIF89a")))}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.project("p", plainDomain)
			images := w.fill(p, 2)
			seg, err := w.vault.WriteSegment(t.Context(), "weu", time.Now(), "0a1b2c3d", 1, tt.journal(w, p, images))
			if err != nil {
				t.Fatal(err)
			}
			if tt.damage {
				w.vault = vaulttest.Init(t, vaulttest.FlipByte(w.store, vaulttest.When{Prefix: seg.Path}, 90))
			}
			res := w.backup()
			if res.Stats.ImagesDownloaded != 2 || !res.Whole() {
				t.Errorf("stats %+v", res.Stats)
			}
			got := w.read(res, p.ID).images
			for _, img := range images {
				if *got[img.ID].Object != *img.Object {
					t.Errorf("image %s has the wrong object", img.ID)
				}
			}
			if said := strings.Join(w.messages(progress.Warning), "\n"); !strings.Contains(said, tt.warns) {
				t.Errorf("warnings %q", said)
			}
		})
	}
}

// A journal that cannot be written is told once and is no reason to stop.
func TestUnwritableJournal(t *testing.T) {
	w := newWorld(t)
	w.fill(w.project("p", plainDomain), 300)
	full := vaulttest.NoSpace(w.store, vaulttest.When{Prefix: "journal/"})
	vaulttest.MustHit(t, full)
	w.vault = vaulttest.Init(t, full)
	if res := w.backup(); !res.Whole() {
		t.Errorf("failures %v", res.Manifest.Projects)
	}
	if said := w.messages(progress.Warning); len(said) != 1 || !strings.Contains(said[0], "may be downloaded again") {
		t.Errorf("warnings %q", said)
	}
}

// Segments that another run writes meanwhile are not this run's to delete.
func TestJournalOfAnotherRunStays(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 3)
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, Do: func() {
		o := objectOf(images[0].bytes)
		if _, err := w.vault.PutObject(t.Context(), *o, bytes.NewReader(images[0].bytes)); err != nil {
			t.Error(err)
		}
		j := vault.Journal{Endpoint: w.sim.Endpoint(region), Entries: []vault.JournalEntry{{Project: p.ID, Image: images[0].ID, Object: *o}}}
		if _, err := w.vault.WriteSegment(t.Context(), "weu", time.Now(), "0a1b2c3d", 1, j); err != nil {
			t.Error(err)
		}
	}})
	if w.backup(); len(w.segments()) != 1 {
		t.Errorf("segments %v", w.segments())
	}
	if w.backup(); len(w.segments()) != 0 { // which has read it
		t.Errorf("segments %v", w.segments())
	}
}

// A model that a killed backup stored is not downloaded again either, and what
// the journal knows of it outlives a backup that asks for no models.
func TestKilledBackupKeepsModels(t *testing.T) {
	w := newWorld(t)
	p, _ := w.trainable("p", compactDomain, 10)
	it := w.train(p)
	for _, platform := range []string{"ONNX", "CoreML"} {
		if _, err := w.client.ExportIteration(t.Context(), p.ID, it.ID, platform, ""); err != nil {
			t.Fatal(err)
		}
	}
	store, kill, _ := mortal(w.store)
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, After: 11, Do: func() {
		for t.Context().Err() == nil && !w.journalsModel() {
			runtime.Gosched() // until the first of the two is noted
		}
		kill()
	}})
	change := func(o *backup.Options) { o.Downloads, o.FlushEvery = 1, time.Millisecond }
	if _, err := backup.Run(t.Context(), w.client, vaulttest.Init(t, store), w.options(change)); !errors.Is(err, errDead) {
		t.Fatalf("error %v", err)
	}

	if s := w.backup(func(o *backup.Options) { o.NoModels = true }).Stats; s.ImagesReused != 10 || !w.journalsModel() {
		t.Errorf("without models: %+v, segments %v", s, w.segments())
	}
	if s := w.backup().Stats; s.ModelsReused != 1 || s.ModelsDownloaded != 1 || s.ImagesReused != 10 {
		t.Errorf("afterwards: %+v", s)
	}
	if left := w.segments(); len(left) > 0 {
		t.Errorf("the journal still has %v", left)
	}
}

// journalsModel reports whether the journal names a model.
func (w *world) journalsModel() bool {
	list, err := w.vault.Segments(context.Background(), "weu")
	for i := 0; err == nil && i < len(list); i++ {
		var j vault.Journal
		j, err = w.vault.ReadSegment(context.Background(), list[i])
		if slices.ContainsFunc(j.Entries, func(e vault.JournalEntry) bool { return e.Model != nil }) {
			return true
		}
	}
	if err != nil {
		w.t.Error(err)
	}
	return false
}
