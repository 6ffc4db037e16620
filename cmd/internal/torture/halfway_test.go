package torture

import (
	"net/http"
	"testing"

	"cvarchive/archive/vault"
)

// TestKilledHalfway kills a backup at about half of its images and runs it
// again: the second run downloads the other half, and what was in flight.
func TestKilledHalfway(t *testing.T) {
	images := *halfway
	a := newAccount(t, 0)
	a.create("weu", "many", "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31", images)
	b := newBench(t, a, folderPlace(t), nil)
	w := b.writer("weu", "writer")
	a.gremlin.arm([]*fault{{
		kind: kindKill, where: isImage, after: images / 2, times: 1,
		do: func(http.Handler, http.ResponseWriter, *http.Request) { w.kill(); cut() },
	}}, nil)
	if o := w.backup(t.Context()); !o.killed {
		t.Fatalf("it was not killed: %s", o)
	}
	first := len(a.downloads())
	o := w.backup(t.Context())
	if o.status != 0 || !o.result.Whole {
		t.Fatalf("run again, the %s", o)
	}
	second := len(a.downloads())
	t.Logf("%d images: %d downloaded before the kill, %d after", images, first, second)
	if second < images-first || second > images-first+unnamed || o.result.Stats.ImagesReused != images-second {
		t.Errorf("downloaded again: %d of at most %d, stats %+v", first+second-images, unnamed, o.result.Stats)
	}

	v, err := vault.Open(t.Context(), b.place.store)
	if err != nil {
		t.Fatal(err)
	}
	archives, err := v.Archives(t.Context())
	if err != nil || len(archives) != 1 {
		t.Fatalf("archives %v, %v", archives, err)
	}
	out, err := a.judge(t.Context(), v, archives[0], o.at)
	if err != nil || out.consistent != 1 || len(out.problems) > 0 {
		t.Errorf("the archive is %+v, %v", out, err)
	}
}
