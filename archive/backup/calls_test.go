package backup_test

import (
	"fmt"
	"testing"

	"cvarchive/archive/backup"
	"cvarchive/manifest"
)

func TestMinCalls(t *testing.T) {
	for _, tt := range []struct {
		size backup.Size
		want int
	}{
		{backup.Size{MayExport: true}, 2 + 3},
		{backup.Size{MayExport: false}, 2 + 4},
		{backup.Size{MayExport: true, Images: 256}, 2 + 3 + 1},
		{backup.Size{MayExport: true, Images: 257}, 2 + 3 + 2 + 1},
		{backup.Size{MayExport: true, Images: 600, Iterations: []backup.IterationSize{
			{Images: 255}, {Images: 256}, {Images: 600, Exportable: true},
		}}, 2 + 3 + 3 + 1 + (1 + 1) + (1 + 2) + (1 + 3 + 1)},
	} {
		if got := backup.MinCalls(tt.size); got != tt.want {
			t.Errorf("MinCalls(%+v) = %d, want %d", tt.size, got, tt.want)
		}
	}
}

// The simulator counts as many calls as the API makes necessary, for a
// project that grows and is trained at every size, beside one whose models
// cannot be exported.
func TestCallsAreMinimal(t *testing.T) {
	w := newWorld(t)
	beside, _ := w.trainable("beside", plainDomain, 10)
	w.train(beside)
	small := backup.Size{Images: 10, MayExport: true, Iterations: []backup.IterationSize{{Images: 10}}}

	p := w.project("p", compactDomain)
	a, b := w.tag(p, "a", manifest.TagRegular), w.tag(p, "b", manifest.TagRegular)
	for size, have := 0, 0; ; size, have = nextSize[size], size {
		w.fill(p, (size-have)/2, a)
		w.fill(p, size-have-(size-have)/2, b)
		want := backup.Size{Images: size, MayExport: true}
		for {
			w.resource().ResetCalls()
			metadataOnly := func(o *backup.Options) { o.MetadataOnly = len(want.Iterations) > 0 } // it takes the same calls
			if res := w.backup(metadataOnly); !res.Whole() {
				t.Errorf("failures %v", res.Manifest.Projects)
			}
			if got, names := w.calls(); got != backup.MinCalls(small, want) {
				t.Errorf("%d images, %d iterations: %d calls, want %d: %v",
					size, len(want.Iterations), got, backup.MinCalls(small, want), names)
			}
			if len(want.Iterations) == 3 || size < 10 { // too small to be trained
				break
			}
			w.train(p)
			want.Iterations = append(want.Iterations, backup.IterationSize{Images: size, Exportable: true})
		}
		if size == 600 {
			return
		}
		w.forget(p)
	}
}

var nextSize = map[int]int{0: 1, 1: 255, 255: 256, 256: 257, 257: 600}

// forget deletes the trained iterations of a project.
func (w *world) forget(p manifest.Project) {
	w.t.Helper()
	iterations, err := w.client.Iterations(w.t.Context(), p.ID)
	for i := 0; err == nil && i < len(iterations); i++ {
		if iterations[i].Trained() {
			err = w.client.DeleteIteration(w.t.Context(), p.ID, iterations[i].ID)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestCallsOfAnAccountWithoutExport(t *testing.T) {
	w := newWorld(t)
	w.resource().SetNoExport(true)
	var sizes []backup.Size
	for i, n := range []int{0, 3, 256} {
		w.fill(w.project(fmt.Sprint(i), plainDomain), n)
		sizes = append(sizes, backup.Size{Images: n})
	}
	w.resource().ResetCalls()
	w.backup()
	if got, names := w.calls(); got != backup.MinCalls(sizes...) {
		t.Errorf("%d calls, want %d: %v", got, backup.MinCalls(sizes...), names)
	}
}

// A second backup of an unchanged account downloads nothing.
func TestSecondBackupDownloadsNothing(t *testing.T) {
	w := newWorld(t)
	var sizes []backup.Size
	for i := range 3 {
		w.fill(w.project(fmt.Sprint(i), plainDomain), 70)
		sizes = append(sizes, backup.Size{Images: 70, MayExport: true})
	}
	first := w.backup()
	w.resource().ResetCalls()
	creates := w.store.Creates.Load()
	second := w.backup()

	calls, names := w.calls()
	blobs, _ := w.resource().BlobReads()
	t.Logf("3 projects of 70 images again: %d image downloads, %d calls of at least %d", blobs, calls, backup.MinCalls(sizes...))
	if blobs != 0 || calls != backup.MinCalls(sizes...) {
		t.Errorf("%d blobs read, %d calls, want 0 and %d: %v", blobs, calls, backup.MinCalls(sizes...), names)
	}
	if s := second.Stats; s.ImagesReused != 210 || s.ImagesDownloaded != 0 || s.ObjectsStored != 0 {
		t.Errorf("stats %+v", s)
	}
	if n := w.store.Creates.Load() - creates; n != 1 {
		t.Errorf("%d files were written, want the archive alone", n)
	}
	if second.Manifest.Objects != first.Manifest.Objects {
		t.Errorf("objects %+v, before %+v", second.Manifest.Objects, first.Manifest.Objects)
	}
	parent := second.Manifest.Parent
	if parent == nil || parent.Name != first.Archive.Name || parent.SHA256 != first.SHA256 || first.Manifest.Parent != nil {
		t.Errorf("parent %+v, want %s %s", parent, first.Archive.Name, first.SHA256)
	}
}

// An archive that knows nothing of a project, between the others, does not
// hide what older ones know.
func TestKnownBytesAreFoundFurtherBack(t *testing.T) {
	w := newWorld(t)
	w.fill(w.project("a", plainDomain), 5)
	w.fill(w.project("b", plainDomain), 5)
	w.backup()
	w.backup(func(o *backup.Options) { o.Projects = []string{"b"} })
	w.backup(func(o *backup.Options) { o.MetadataOnly = true })
	if s := w.backup().Stats; s.ImagesReused != 10 || s.ImagesDownloaded != 0 {
		t.Errorf("stats %+v", s)
	}
}

// An archive that holds a project in part only does not hide what a complete
// one before it knows.
func TestPartialParentHidesNothing(t *testing.T) {
	w := newWorld(t)
	w.fill(w.project("p", plainDomain), 300)
	w.backup()
	src := &broken{Client: w.client, page: func(_ int64, q manifest.ImageQuery) bool { return q.Skip > 0 }}
	res, err := backup.Run(t.Context(), src, w.vault, w.options())
	if err != nil || res.Whole() || res.Manifest.Projects[0].Counts.Images != 256 {
		t.Fatalf("the second archive is %+v, %v", res, err)
	}
	if s := w.backup().Stats; s.ImagesReused != 300 || s.ImagesDownloaded != 0 {
		t.Errorf("stats %+v", s)
	}
}

// What the vault lost is captured again, whatever the parent says.
func TestLostObjectsAreCapturedAgain(t *testing.T) {
	w := newWorld(t)
	images := w.fill(w.project("p", plainDomain), 5)
	w.backup()
	lost := *objectOf(images[2].bytes)
	if err := w.store.Delete(t.Context(), w.vault.ObjectName(lost)); err != nil {
		t.Fatal(err)
	}
	s := w.backup().Stats
	if s.ImagesReused != 4 || s.ImagesDownloaded != 1 || s.ObjectsStored != 1 {
		t.Errorf("stats %+v", s)
	}
	if has, err := w.vault.HasObject(t.Context(), lost); err != nil || !has {
		t.Errorf("the object is there: %v, %v", has, err)
	}
}

// Another resource of the same name is not the same source.
func TestOtherEndpointIsNoParent(t *testing.T) {
	w := newWorld(t)
	w.fill(w.project("p", plainDomain), 5)
	w.backup(func(o *backup.Options) { o.Source.Endpoint = "https://elsewhere.example" })
	res := w.backup()
	if res.Manifest.Parent != nil || res.Stats.ImagesDownloaded != 5 {
		t.Errorf("parent %+v, stats %+v", res.Manifest.Parent, res.Stats)
	}
}

// The same at full size: 10 projects of 2,000 images, unchanged since the
// backup before.
//
//	go test ./archive/backup -run '^$' -bench Unchanged -benchtime 1x
func BenchmarkUnchanged(b *testing.B) {
	w := newWorld(b)
	var sizes []backup.Size
	for i := range 10 {
		w.fill(w.project(fmt.Sprint(i), plainDomain), 2000)
		sizes = append(sizes, backup.Size{Images: 2000, MayExport: true})
	}
	w.backup()
	for b.Loop() {
		w.resource().ResetCalls()
		if res := w.backup(); !res.Whole() || res.Stats.ImagesReused != 20_000 {
			b.Fatalf("stats %+v", res.Stats)
		}
	}
	calls, names := w.calls()
	blobs, _ := w.resource().BlobReads()
	if least := backup.MinCalls(sizes...); calls != least || blobs != 0 {
		b.Errorf("%d calls of at least %d, %d image downloads: %v", calls, least, blobs, names)
	}
	b.ReportMetric(float64(calls), "calls")
	b.ReportMetric(float64(backup.MinCalls(sizes...)), "least-calls")
	b.ReportMetric(float64(blobs), "image-downloads")
}
