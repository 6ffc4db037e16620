package custody_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/custody"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest/store"
)

func commit(t *testing.T, v *vault.Vault, n int, pictures ...string) vault.Archive {
	t.Helper()
	return archivetest.Commit(t, v, archivetest.Archive{
		Source: "a", ID: fmt.Sprintf("%08x", n), Created: time.Date(2028, 9, n, 2, 0, 0, 0, time.UTC),
		Projects: [][]string{pictures[:len(pictures)-1], pictures[len(pictures)-1:]},
	})
}

// held lists the pictures and archives that are.
func held(g *vaulttest.Guarded, v *vault.Vault, names ...string) (list []string) {
	for _, name := range names {
		path := name
		if !strings.Contains(name, "/") {
			path = v.ObjectName(archivetest.Object(name))
		}
		if g.State(path).Held {
			list = append(list, name)
		}
	}
	return list
}

// An object stays held as long as any archive needs it.
func TestHold(t *testing.T) {
	ctx, g := t.Context(), vaulttest.NewGuarded()
	v := vaulttest.Init(t, g)
	a, b := commit(t, v, 1, "model", "a", "both"), commit(t, v, 2, "model", "b", "both")
	g.Put(a.SignaturePath(), []byte("signature"))
	all := []string{"model", "a", "b", "both", a.Path, a.SignaturePath(), b.Path}
	step := func(what func() (*custody.Report, error), left int64, want ...string) {
		t.Helper()
		r, err := what()
		if err != nil || r.Failed > 0 || r.Left != left {
			t.Fatalf("%+v, %v", r, err)
		}
		if diff := cmp.Diff(want, held(g, v, all...)); diff != "" {
			t.Errorf("held (-want +got):\n%s", diff)
		}
	}
	hold := func(a vault.Archive) func() (*custody.Report, error) {
		return func() (*custody.Report, error) { return custody.Hold(ctx, v, a, custody.Options{}) }
	}
	release := func(a vault.Archive) func() (*custody.Report, error) {
		return func() (*custody.Report, error) { return custody.Release(ctx, v, a, custody.Options{}) }
	}
	step(hold(a), 0, "model", "a", "both", a.Path, a.SignaturePath())
	if last := g.Calls[len(g.Calls)-2:]; !slices.Equal(last, []string{"hold " + a.Path, "hold " + a.SignaturePath()}) {
		t.Errorf("the archive was held before its objects: %q", g.Calls)
	}
	step(hold(b), 0, all...)
	step(release(a), 2, "model", "b", "both", b.Path)
	step(release(a), 2, "model", "b", "both", b.Path)
	step(release(b), 0)

	// A missing object is named, and the archive is not held for whole.
	if err := g.Delete(ctx, v.ObjectName(archivetest.Object("a"))); err != nil {
		t.Fatal(err)
	}
	r, err := custody.Hold(ctx, v, a, custody.Options{})
	if err != nil || r.Failed != 1 || !strings.Contains(r.Failures[0].Name, "objects/") || g.State(a.Path).Held {
		t.Errorf("%+v, %v", r, err)
	}
	plain := vaulttest.New(t)
	_, err = custody.Hold(ctx, plain, commit(t, plain, 1, "model", "a"), custody.Options{})
	if _, ok := errors.AsType[*custody.UnsupportedError](err); !ok {
		t.Errorf("%v", err)
	}
}

// Objects of an earlier archive are protected for as long as the newest.
func TestProtect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := vaulttest.NewGuarded()
		g.Immutable = 30 * 24 * time.Hour
		v := vaulttest.Init(t, g)
		commit(t, v, 1, "model", "old", "gone")
		time.Sleep(20 * 24 * time.Hour)
		b := commit(t, v, 2, "model", "old", "new")
		r, err := custody.Protect(t.Context(), v, b, custody.Options{})
		if err != nil || r.Done != 2 || r.Left != 1 || r.Failed != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		for text, days := range map[string]time.Duration{"model": 30, "old": 30, "new": 30, "gone": 10} {
			if until := g.State(v.ObjectName(archivetest.Object(text))).ImmutableUntil; !until.Equal(time.Now().Add(days * 24 * time.Hour)) {
				t.Errorf("%s until %s", text, until)
			}
		}
		if r, err := custody.Protect(t.Context(), vaulttest.New(t), b, custody.Options{}); err != nil || r.Done != 0 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestRehydrate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, g := t.Context(), vaulttest.NewGuarded()
		v := vaulttest.Init(t, g)
		a := commit(t, v, 1, "model", "a", "b")
		commit(t, v, 2, "model", "other")
		for _, text := range []string{"model", "a", "b", "other"} {
			g.SetState(v.ObjectName(archivetest.Object(text)), store.State{Offline: true})
		}
		counts := func(c *custody.Cold) [4]int64 { return [4]int64{c.Objects, c.Offline, c.Pending, c.Missing} }
		part, err := custody.Look(ctx, v, a, []string{archivetest.ProjectID(1)})
		if err != nil || counts(part) != [4]int64{1, 1, 0, 0} {
			t.Fatalf("%+v, %v", part, err)
		}
		if r, err := part.Start(ctx, "cool", false, custody.Options{}); err != nil || r.Done != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		all, err := custody.Look(ctx, v, a, nil)
		if err != nil || counts(all) != [4]int64{3, 2, 1, 0} || all.OfflineBytes != 12+8 {
			t.Fatalf("%+v, %v", all, err)
		}
		if r, err := all.Start(ctx, "hot", true, custody.Options{}); err != nil || r.Done != 3 {
			t.Errorf("%+v, %v", r, err)
		}
		if !slices.Contains(g.Calls, "rehydrate to hot fast "+v.ObjectName(archivetest.Object("b"))) {
			t.Errorf("what was on its way was not hurried: %q", g.Calls)
		}
		if name, err := custody.AnyOffline(ctx, v, a, nil); name == "" || err != nil {
			t.Errorf("any: %q, %v", name, err)
		}
		begun := time.Now()
		go func() {
			time.Sleep(8 * time.Hour)
			g.Arrive()
		}()
		if err := all.Follow(ctx, 5*time.Minute, nil); err != nil || counts(all) != [4]int64{3, 0, 0, 0} {
			t.Errorf("%+v, %v", all, err)
		}
		if name, err := custody.AnyOffline(ctx, v, a, nil); name != "" || err != nil {
			t.Errorf("any in the end: %q, %v", name, err)
		}
		if waited := time.Since(begun); waited < 8*time.Hour || waited > 8*time.Hour+5*time.Minute {
			t.Errorf("waited %s", waited)
		}
		if state := g.State(v.ObjectName(archivetest.Object("other"))); !state.Offline || state.Rehydrating {
			t.Errorf("an object of another archive: %+v", state)
		}
	})
}
