package repair_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"cvarchive/archive/repair"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
)

// lostImage is the record of an image whose object is not there.
func lostImage(n int) repair.Item {
	id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", n)
	project := fmt.Sprintf("00000000-0000-4000-8000-%012x", n%3)
	return repair.Item{
		Archive: "weu/20280901T020000Z-0123abcd", Source: "weu", Name: fmt.Sprintf("image %s of project %q", id, project),
		ProjectID: project, Project: project, ImageID: id,
		Object: manifest.Object{SHA256: sha256.Sum256([]byte(id)), Size: int64(n), Ext: "png"},
	}
}

// Items come back as they were, whatever is in them and wherever they waited.
func TestItems(t *testing.T) {
	model := repair.Item{
		Archive: "a", Source: "weu", Name: "model ONNX", ProjectID: "p", Project: "Fruit", IterationID: "i",
		Platform: "ONNX", Flavor: "float16", Object: manifest.Object{Size: -1, Ext: "zip"},
	}
	nameless := lostImage(1)
	nameless.Name = "one that names no id"
	twice := lostImage(2)
	twice.Name = twice.ImageID + " and " + twice.ImageID
	want := []repair.Item{model, nameless, twice, {}}
	for n := range 200 { // a full block of one group
		it := lostImage(n)
		it.Object.SHA256 = manifest.Digest{7: byte(n)}
		want = append(want, it)
	}
	for n := range 1000 {
		want = append(want, lostImage(n))
	}
	items := collected(t, want)
	items.SetWindow(400)
	got, windows, err := items.All()
	must(t, err)
	if !slices.Equal(got, want) || items.Len() != len(want) {
		t.Errorf("other items come back")
	}
	if windows < 3 || windows > 4 || items.InFile() == 0 {
		t.Errorf("%d windows, %d bytes in the file", windows, items.InFile())
	}
	if _, windows, err := collected(t, nil).All(); windows != 1 || err != nil {
		t.Errorf("without items: %d windows, %v", windows, err)
	}
}

// What is too much to be worked on at once is repaired bit by bit, and an object
// that several projects name once, from whichever has it.
func TestWindows(t *testing.T) {
	w := newWorld(t)
	for _, id := range append(slices.Clone(w.images), w.deleted) {
		must(t, w.memory.Delete(t.Context(), w.name(id)))
	}
	w.delete(w.images[0])
	found := find(t, w.memory, w.archive)
	items := collected(t, found)
	items.SetWindow(1)
	opt := w.options(w.client)
	told := map[string]int{}
	opt.Done = func(o repair.Outcome) { told[o.Name] += len(o.Items) }
	report, err := repair.Run(t.Context(), vaulttest.Init(t, w.memory), items, opt)
	must(t, err)
	if len(found) != 11 || report.Total() != 10 || report.Count(repair.Repaired) != 10 || len(report.Objects) != 10 {
		t.Fatalf("%d items, %+v", len(found), report)
	}
	if len(told) != 10 || told[w.name(w.images[0])] != 2 || told[w.name(w.images[1])] != 1 {
		t.Errorf("told %v", told)
	}
	if left := find(t, w.memory, w.archive); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A source that was down for a window is not asked in the next.
func TestSourceDownForAllWindows(t *testing.T) {
	w := newWorld(t)
	w.sim.Resource("westeurope").SetDown(true)
	items := repair.NewItems(t.TempDir())
	defer items.Close()
	for n := range 100 {
		items.Add(lostImage(n))
	}
	items.SetWindow(1)
	calls := &countingSource{Source: w.client}
	report, err := repair.Run(t.Context(), vaulttest.Init(t, w.memory), items, w.options(calls))
	must(t, err)
	if report.Count(repair.Lost) != 100 || calls.n.Load() > 2 {
		t.Errorf("%d calls, %d lost", calls.n.Load(), report.Count(repair.Lost))
	}
	for _, o := range report.Objects {
		if !strings.Contains(o.Reason, "GetImagesByIds on weu") {
			t.Errorf("reason %q", o.Reason)
		}
	}
}

// The file that holds the items may fail.
func TestItemsWithoutRoom(t *testing.T) {
	items := repair.NewItems(t.TempDir() + "/not/there")
	defer items.Close()
	for n := range 200 {
		it := lostImage(n)
		it.Object.SHA256 = manifest.Digest{}
		items.Add(it)
	}
	if _, err := repair.Run(t.Context(), vaulttest.New(t), items, repair.Options{}); err == nil || !strings.Contains(err.Error(), "temporary file") {
		t.Errorf("error %v", err)
	}
}

// bare is a source that has nothing.
type bare struct{ repair.Source }

func (bare) Iterations(context.Context, string) ([]manifest.Iteration, error) { return nil, nil }

func (bare) ImagesByIDs(context.Context, string, string, []string) ([]manifest.ListedImage, error) {
	return nil, nil
}

// repairLost repairs n objects that nobody has any more, and returns the report
// and the most of the heap that was in use at the end of a window.
func repairLost(t *testing.T, n int) (report *repair.Report, told int, most uint64) {
	const atOnce = 5_000
	items := repair.NewItems(t.TempDir())
	defer items.Close()
	items.SetWindow(atOnce)
	for i := range n {
		items.Add(lostImage(i))
	}
	opt := repair.Options{Source: func(string) (repair.Source, error) { return bare{}, nil }}
	opt.Done = func(repair.Outcome) {
		if told++; told%atOnce == 0 || told == n {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
	report, err := repair.Run(t.Context(), vaulttest.New(t), items, opt)
	must(t, err)
	return report, told, most
}

// Memory does not grow with what is lost, but for what waits to be written; and
// of many objects the report counts all, and lists some.
func TestMemoryStaysFlat(t *testing.T) {
	const few, many = 20_000, 80_000
	_, _, before := repairLost(t, few)
	report, told, after := repairLost(t, many)
	perObject := (float64(after) - float64(before)) / (many - few)
	t.Logf("%.0f bytes an object (%d and %d)", perObject, before, after)
	if perObject > 250 {
		t.Errorf("%.0f bytes are held for each object", perObject)
	}
	if told != many || report.Total() != many || report.Count(repair.Lost) != many || len(report.Objects) != repair.MaxObjects {
		t.Errorf("%d told, %d counted, %d listed", told, report.Total(), len(report.Objects))
	}
}
