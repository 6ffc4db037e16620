package backup_test

import (
	"errors"
	"testing"
	"time"

	"cvarchive/archive/backup"
	"cvarchive/archive/vault"
	"cvarchive/remote/simulator"
)

func TestParseLimit(t *testing.T) {
	for _, text := range []string{"0", "25", "0%", "12.5%", "100%"} {
		if l, err := backup.ParseLimit(text); err != nil || l.String() != text {
			t.Errorf("%s: %s, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "%", "-1", "-1%", "101%", "NaN%", "5 %", "many", "1e3"} {
		if l, err := backup.ParseLimit(text); err == nil {
			t.Errorf("%q was read as %s", text, l)
		}
	}
	if text := (backup.Limit{}).String(); text != "none" {
		t.Errorf("no limit is %q", text)
	}
}

// A capture that lost more than the limit is kept, marked, and never the
// latest; what it has of images is used by the next one all the same.
func TestMaxFailures(t *testing.T) {
	for _, tt := range []struct {
		limit      string
		incomplete bool
	}{{"", false}, {"0", true}, {"1", true}, {"2", false}, {"9.9%", true}, {"10%", false}} {
		w := newWorld(t)
		w.fill(w.project("p", plainDomain), 10)
		at := func(minutes int) func(*backup.Options) {
			return func(o *backup.Options) {
				o.Now = func() time.Time { return time.Now().Add(time.Duration(minutes) * time.Minute) }
			}
		}
		good := w.backup(at(1))
		w.fill(w.project("q", plainDomain), 10)
		w.inject(simulator.Fault{Operation: simulator.BlobOperation, Times: 2, Status: 404})
		limit, _ := backup.ParseLimit(tt.limit)
		bad := w.backup(at(2), func(o *backup.Options) { o.MaxFailures = limit })

		want, failures := bad.Archive, 0
		if tt.incomplete {
			want, failures = good.Archive, 1
		}
		latest, err := w.vault.Resolve(t.Context(), "latest")
		if bad.Whole() || bad.Lost != 2 || bad.Archive.Incomplete != tt.incomplete || len(bad.Manifest.Failures) != failures || latest != want || err != nil {
			t.Errorf("limit %q: lost %d, archive %+v, failures %v, the latest is %s, %v", tt.limit, bad.Lost, bad.Archive, bad.Manifest.Failures, latest.Name, err)
		}
		next := w.backup(at(3))
		if next.Stats.ImagesDownloaded != 2 || next.Manifest.Parent.Name != want.Name {
			t.Errorf("limit %q: the next backup downloaded %d images and is a child of %s", tt.limit, next.Stats.ImagesDownloaded, next.Manifest.Parent.Name)
		}
	}
}

// A project that could not be listed has lost what it is known to have.
func TestMaxFailuresOfAListing(t *testing.T) {
	w := newWorld(t)
	w.fill(w.project("p", plainDomain), 20)
	w.fill(w.project("q", plainDomain), 5)
	w.resource().Inject(simulator.Fault{Operation: "GetImages", Status: 400, Body: `{"code":"BadRequestInvalid","message":"no"}`})
	limit, _ := backup.ParseLimit("10%")
	res := w.backup(func(o *backup.Options) { o.MaxFailures, o.Parallel = limit, 1 })
	if !res.Archive.Incomplete || res.Lost != 20 {
		t.Errorf("lost %d, incomplete %v", res.Lost, res.Archive.Incomplete)
	}
	_, err := w.vault.Resolve(t.Context(), "latest")
	if re, ok := errors.AsType[*vault.RefError](err); !ok || !re.Incomplete {
		t.Errorf("latest: %v", err)
	}
}
