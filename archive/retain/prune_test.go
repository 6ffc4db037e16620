package retain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest/store"
)

// spec is an archive of source "a" with these pictures.
func spec(n int, pictures ...string) archivetest.Archive {
	return archivetest.Archive{
		Source: "a", ID: fmt.Sprintf("%08x", n), Created: time.Date(2028, 9, n, 2, 0, 0, 0, time.UTC),
		Projects: [][]string{pictures},
	}
}

func stored(s *vaulttest.Memory, prefix string) (names []string) {
	for _, name := range s.Names() {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

func objects(v *vault.Vault, pictures ...string) map[string]bool {
	set := map[string]bool{}
	for _, p := range pictures {
		set[v.ObjectName(archivetest.Object(p))] = true
	}
	return set
}

func wantObjects(t *testing.T, s *vaulttest.Memory, v *vault.Vault, pictures ...string) {
	t.Helper()
	got := map[string]bool{}
	for _, name := range stored(s, "objects/") {
		got[name] = true
	}
	if diff := cmp.Diff(objects(v, pictures...), got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if err := archivetest.Sound(t.Context(), v); err != nil {
		t.Error(err)
	}
}

func prune(t *testing.T, v *vault.Vault, opt Options) *Report {
	t.Helper()
	r, err := Run(t.Context(), v, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// In the bubble of synctest, days pass at once, for the store too.
func TestPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := vaulttest.NewMemory()
		v := vaulttest.Init(t, s)
		archivetest.Commit(t, v, spec(1, "model", "x", "y"))
		archivetest.Commit(t, v, spec(2, "model", "y", "z"))
		archivetest.Put(t, v, "left over")
		segment := func(number int, picture string) {
			_, err := v.WriteSegment(t.Context(), "a", time.Date(2028, 9, 3, 2, 0, 0, 0, time.UTC), "0000000a", number, vault.Journal{
				Endpoint: "https://example.test", Entries: []vault.JournalEntry{{Project: archivetest.ProjectID(0), Image: archivetest.ProjectID(1), Object: archivetest.Object(picture)}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		archivetest.Put(t, v, "journaled")
		archivetest.Put(t, v, "lately journaled")
		segment(1, "journaled")
		time.Sleep(30 * time.Hour)
		segment(2, "lately journaled")
		archivetest.Put(t, v, "young")

		opt := Options{Policy: Policy{Last: 1}, Grace: 24 * time.Hour}
		dry := opt
		dry.DryRun = true
		before := s.Names()
		r := prune(t, v, dry)
		if diff := cmp.Diff(before, s.Names()); diff != "" {
			t.Errorf("a dry run changed the vault (-before +after):\n%s", diff)
		}
		want := Objects{
			Count: 8, Named: 4, NamedBytes: 4*7 + 5 + 1 + 1 + 16, Waiting: 2, WaitingBytes: 2*7 + 1 + 9,
			Young: 1, YoungBytes: 12, Deletable: 1, DeletableBytes: 16, Bytes: 8*7 + 5 + 1 + 1 + 16 + 1 + 9 + 5 + 9,
		}
		if diff := cmp.Diff(want, r.Objects); diff != "" || r.Deletes() != 1 || r.Journals != 1 {
			t.Errorf("dry run: %+v (-want +got):\n%s", r, diff)
		}

		r = prune(t, v, opt)
		want.Deleted, want.DeletedBytes = 1, 16
		if diff := cmp.Diff(want, r.Objects); diff != "" || !r.Archives[1].Done || !r.Whole() {
			t.Errorf("%+v (-want +got):\n%s", r, diff)
		}
		wantObjects(t, s, v, "model", "x", "y", "z", "journaled", "lately journaled", "young")
		if got := stored(s, "archives/"); len(got) != 1 {
			t.Errorf("archives: %q", got)
		}

		time.Sleep(23 * time.Hour)
		prune(t, v, opt)
		wantObjects(t, s, v, "model", "x", "y", "z", "journaled", "lately journaled", "young")
		time.Sleep(2 * time.Hour) // both journals are old now, and one was pruned a day ago
		r = prune(t, v, opt)
		wantObjects(t, s, v, "model", "y", "z", "lately journaled")
		if r.Expired != 2 || r.Journals != 1 {
			t.Errorf("expired %d, journals %d", r.Expired, r.Journals)
		}
		time.Sleep(25 * time.Hour)
		prune(t, v, opt)
		wantObjects(t, s, v, "model", "y", "z")
		if got := stored(s, "pruned/"); len(got) > 0 {
			t.Errorf("left over: %q", got)
		}
		if r := prune(t, v, opt); r.Pending() {
			t.Errorf("there is always something to do: %+v", r)
		}
	})
}

func TestWithoutGrace(t *testing.T) {
	s := vaulttest.NewMemory()
	v := vaulttest.Init(t, s)
	archivetest.Commit(t, v, spec(1, "model", "x"))
	archivetest.Commit(t, v, spec(2, "model", "y"))
	if _, err := Run(t.Context(), v, Options{Policy: Policy{Names: []string{"a/20280901T020000Z-00000001"}}}); !errors.Is(err, ErrNoPolicy) {
		t.Errorf("without a rule: %v", err)
	}
	wantObjects(t, s, v, "model", "x", "y")
	prune(t, v, Options{Policy: Policy{Last: 1}})
	wantObjects(t, s, v, "model", "y")
	if got := s.Names(); len(got) != 4 {
		t.Errorf("left over: %q", got)
	}
}

// An archive of which a restore is under way stays; other sources too.
func TestHeldAndOtherSources(t *testing.T) {
	s := vaulttest.NewMemory()
	v := vaulttest.Init(t, s)
	archivetest.Commit(t, v, spec(1, "model"))
	archivetest.Commit(t, v, spec(2, "model"))
	archivetest.Commit(t, v, spec(3, "model"))
	other := spec(4, "model")
	other.Source = "b"
	archivetest.Commit(t, v, other)
	other = spec(5, "model")
	other.Source = "b"
	archivetest.Commit(t, v, other)
	s.Put("restores/00000002/0123456789abcdef/1/000001.json", []byte("{}"))
	r := prune(t, v, Options{Policy: Policy{Last: 1}, Source: "a", Grace: time.Hour})
	var kept []string
	for _, o := range r.Archives {
		if o.Keep {
			kept = append(kept, o.Archive.ID)
		}
	}
	if diff := cmp.Diff([]string{"00000003", "00000002"}, kept); diff != "" || r.Deletes() != 1 {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if got := stored(s, "archives/"); len(got) != 4 {
		t.Errorf("archives: %q", got)
	}
}

func TestUnreadableArchive(t *testing.T) {
	s := vaulttest.NewMemory()
	v := vaulttest.Init(t, s)
	archivetest.Commit(t, v, spec(1, "model", "x"))
	bad := archivetest.Commit(t, v, spec(2, "model", "y"))
	archivetest.Commit(t, v, spec(3, "model", "z"))
	data := s.Bytes(bad.Path)
	s.Put(bad.Path, data[:len(data)/2])
	r := prune(t, v, Options{Policy: Policy{Last: 2}})
	if r.Whole() || len(r.Blocked) != 1 || !strings.Contains(r.Blocked[0], bad.Name) || r.Objects.Deletable == 0 || r.Objects.Deleted > 0 {
		t.Errorf("%+v", r)
	}
	if got := stored(s, "objects/"); len(got) != 4 {
		t.Errorf("objects: %q", got)
	}
	// Once it is gone, objects can go.
	r = prune(t, v, Options{Policy: Policy{Last: 1}})
	if !r.Whole() {
		t.Errorf("%+v", r)
	}
	wantObjects(t, s, v, "model", "z")
}

// hooked is a store that calls before each call that changes it, and at the
// start of each listing.
type hooked struct {
	*vaulttest.Memory
	change func(name string) error
	list   func(prefix string)
}

func (h *hooked) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	if err := h.change(name); err != nil {
		return err
	}
	return h.Memory.Create(ctx, name, body)
}

func (h *hooked) Delete(ctx context.Context, name string) error {
	if err := h.change(name); err != nil {
		return err
	}
	return h.Memory.Delete(ctx, name)
}

func (h *hooked) DeleteUnchanged(ctx context.Context, seen vault.Info) error {
	if err := h.change(seen.Name); err != nil {
		return err
	}
	return h.Memory.DeleteUnchanged(ctx, seen)
}

func (h *hooked) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	if h.list != nil {
		h.list(prefix)
	}
	return h.Memory.List(ctx, prefix)
}

// TestKilled stops a prune before each of its writes and deletes in turn, as a
// kill does, and runs it again.
func TestKilled(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			opt := Options{Policy: Policy{Last: 1}, Grace: grace, Concurrency: 1, room: 4}
			killed := 0
			for at := int64(1); ; at++ {
				s := vaulttest.NewMemory()
				v := vaulttest.Init(t, s)
				for n := range 4 {
					archivetest.Commit(t, v, spec(n+1, "model", fmt.Sprint("own ", n), fmt.Sprint("shared ", n/2)))
				}
				archivetest.Put(t, v, "left over")
				time.Sleep(2 * time.Hour)

				ctx, kill := context.WithCancel(t.Context())
				var calls atomic.Int64
				h := &hooked{Memory: s, change: func(string) error {
					if calls.Add(1) >= at {
						kill()
						return context.Canceled
					}
					return nil
				}}
				_, err := Run(ctx, vaulttest.Init(t, h), opt)
				done := ctx.Err() == nil
				kill()
				if (err == nil) != done {
					t.Fatalf("stopped at %d: %v", at, err)
				}
				if err := archivetest.Sound(t.Context(), v); err != nil {
					t.Fatalf("stopped at %d: %v", at, err)
				}
				prune(t, v, opt)
				time.Sleep(2 * time.Hour)
				prune(t, v, opt)
				wantObjects(t, s, v, "model", "own 3", "shared 1")
				if got := s.Names(); len(got) != 5 { // marker, archive, objects
					t.Fatalf("stopped at %d: left over: %q", at, got)
				}
				if done {
					break
				}
				killed++
			}
			if killed < 8 {
				t.Errorf("only %d places to stop at", killed)
			}
		})
	}
}

// An archive that appears while objects are listed is read before any is
// deleted.
func TestArchiveAppears(t *testing.T) {
	s := vaulttest.NewMemory()
	v := vaulttest.Init(t, s)
	archivetest.Commit(t, v, spec(1, "model"))
	archivetest.Put(t, v, "old")
	archivetest.Put(t, v, "older")
	came := false
	h := &hooked{Memory: s, change: func(string) error { return nil }, list: func(prefix string) {
		if strings.HasPrefix(prefix, "objects/") && !came {
			came = true
			if _, err := v.CommitArchive(t.Context(), "a", spec(2).Created, "00000002", bytes.NewReader(archivetest.Write(t, spec(2, "model", "old")))); err != nil {
				t.Error(err)
			}
		}
	}}
	prune(t, vaulttest.Init(t, h), Options{Policy: Policy{Last: 5}})
	wantObjects(t, s, v, "model", "old")
	if !came {
		t.Error("no archive appeared")
	}
}

// What refuses to go, as under a legal hold, is named, and the rest goes.
func TestRefused(t *testing.T) {
	s := vaulttest.NewMemory()
	v := vaulttest.Init(t, s)
	archivetest.Commit(t, v, spec(1, "model"))
	archivetest.Put(t, v, "held")
	archivetest.Put(t, v, "free")
	held := v.ObjectName(archivetest.Object("held"))
	refusal := errors.New("an immutability policy or legal hold protects the blob")
	h := &hooked{Memory: s, change: func(name string) error {
		if name == held {
			return refusal
		}
		return nil
	}}
	r := prune(t, vaulttest.Init(t, h), Options{Policy: Policy{Last: 1}})
	if r.Whole() || r.Failed != 1 || r.Failures[0].Name != held || !errors.Is(r.Failures[0].Err, refusal) {
		t.Errorf("%+v", r)
	}
	wantObjects(t, s, v, "model", "held")
}

// An old object that a writer relies on again becomes young.
func TestReliedOnAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := vaulttest.NewMemory()
		v := vaulttest.Init(t, s)
		archivetest.Commit(t, v, spec(1, "model"))
		archivetest.Put(t, v, "old")
		time.Sleep(48 * time.Hour)
		archivetest.Put(t, v, "old") // and its archive is not written yet
		prune(t, v, Options{Policy: Policy{Last: 1}, Grace: 24 * time.Hour})
		wantObjects(t, s, v, "model", "old")
	})
}

// TestBesideWriters runs writers and prunes against each other for weeks of
// the bubble's time: nothing that an archive names is ever missing, and in the
// end nothing is left over.
func TestBesideWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := vaulttest.NewMemory()
		v := vaulttest.Init(t, s)
		begun := time.Now()
		var id atomic.Int64
		writer := func(source string, r *rand.Rand) error {
			for time.Since(begun) < 12*24*time.Hour {
				started := time.Now()
				a := archivetest.Archive{Source: source, Created: started, ID: fmt.Sprintf("%08x", id.Add(1)), Projects: [][]string{{"model"}}}
				for range 1 + r.IntN(5) {
					a.Projects[0] = append(a.Projects[0], fmt.Sprint("picture ", r.IntN(12)))
				}
				for _, text := range a.Projects[0] {
					if _, err := v.PutObject(t.Context(), archivetest.Object(text), bytes.NewReader(archivetest.Data(text))); err != nil {
						return err
					}
					time.Sleep(time.Duration(r.IntN(int(3 * time.Hour))))
				}
				if r.IntN(4) == 0 {
					continue // killed
				}
				data, err := archivetest.Bytes(a)
				if err != nil {
					return err
				}
				if _, err := v.CommitArchive(t.Context(), a.Source, a.Created, a.ID, bytes.NewReader(data)); err != nil {
					return err
				}
				time.Sleep(time.Duration(r.IntN(int(12 * time.Hour))))
			}
			return nil
		}
		errs := make(chan error)
		for i := range 3 {
			go func() { errs <- writer(string(rune('a'+i)), rand.New(rand.NewPCG(uint64(i), 7))) }()
		}
		opt := Options{Policy: Policy{Last: 2}, Grace: 24 * time.Hour, Concurrency: 2}
		rounds := 0
		deleted := int64(0)
		for running := 3; running > 0; rounds++ {
			select {
			case err := <-errs:
				running--
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Hour):
			}
			opt.room = rounds % 3 * 4
			deleted += prune(t, v, opt).Objects.Deleted
			if rounds%6 > 0 {
				continue
			}
			if err := archivetest.Sound(t.Context(), v); err != nil {
				t.Fatalf("round %d: %v", rounds, err)
			}
		}
		for range 3 {
			time.Sleep(25 * time.Hour)
			prune(t, v, opt)
		}
		r := prune(t, v, opt)
		if r.Objects.Count != r.Objects.Named || len(stored(s, "pruned/")) > 0 {
			t.Errorf("left over: %+v", r.Objects)
		}
		if rounds < 200 || deleted == 0 {
			t.Errorf("%d rounds, %d objects deleted: too little happened", rounds, deleted)
		}
	})
}

// TestPruneSignatures: a signature goes where its archive goes, and one that a
// crash left goes when it is old.
func TestPruneSignatures(t *testing.T) {
	for _, grace := range []time.Duration{24 * time.Hour, 0} {
		synctest.Test(t, func(t *testing.T) {
			s := vaulttest.NewMemory()
			v := vaulttest.Init(t, s).Signing(archivetest.Signer{Name: "ann"})
			old := archivetest.Commit(t, v, spec(1, "model"))
			kept := archivetest.Commit(t, v, spec(2, "model"))
			lost := archivetest.Commit(t, v, spec(3, "model"))
			if err := s.Delete(t.Context(), lost.Path); err != nil {
				t.Fatal(err)
			}
			opt := Options{Policy: Policy{Last: 1}, Grace: grace}
			prune(t, v, opt)
			want := []string{kept.Path, kept.SignaturePath(), lost.SignaturePath()}
			if diff := cmp.Diff(want, stored(s, "archives/")); diff != "" {
				t.Errorf("grace %v (-want +got):\n%s", grace, diff)
			}
			if grace > 0 {
				want := []string{"pruned/" + old.Path, "pruned/" + old.SignaturePath()}
				if diff := cmp.Diff(want, stored(s, "pruned/archives/")); diff != "" {
					t.Errorf("kept aside (-want +got):\n%s", diff)
				}
			}
			time.Sleep(25 * time.Hour)
			prune(t, v, opt)
			if diff := cmp.Diff([]string{kept.Path, kept.SignaturePath()}, stored(s, "archives/")); diff != "" {
				t.Errorf("grace %v, a day later (-want +got):\n%s", grace, diff)
			}
			if left := stored(s, "pruned/"); len(left) > 0 {
				t.Errorf("left aside: %q", left)
			}
		})
	}
}

// What a policy or a hold protects stays and is told; the rest goes. What is
// protected no longer goes later.
func TestProtected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := vaulttest.NewGuarded()
		g.Immutable = 72 * time.Hour
		v := vaulttest.Init(t, g)
		for n := range 3 {
			archivetest.Commit(t, v, spec(n+1, "model", fmt.Sprint("own ", n)))
		}
		archivetest.Put(t, v, "left over")
		held := "archives/" + "a/20280902T020000Z-00000002.tar.zst"
		time.Sleep(48 * time.Hour)
		if err := g.SetHold(t.Context(), held, true); err != nil {
			t.Fatal(err)
		}
		opt := Options{Policy: Policy{Last: 1}, Grace: time.Hour}
		for _, dry := range []bool{true, false} {
			opt.DryRun = dry
			r := prune(t, v, opt)
			reasons := []string{r.Archives[1].Reasons[0], r.Archives[2].Reasons[0]}
			until := time.Now().Add(24 * time.Hour).UTC()
			want := []string{"a legal hold protects it", "it is immutable until " + until.Format("2006-01-02 15:04 UTC")}
			if diff := cmp.Diff(want, reasons); diff != "" || r.Deletes() != 0 || !r.Whole() {
				t.Error(diff, r.Failures)
			}
			if n := r.Objects; n.Protected != 1 || !n.ProtectedUntil.Equal(until) || n.Deletable != 0 || n.Deleted != 0 {
				t.Errorf("dry %v: %+v", dry, n)
			}
		}
		time.Sleep(25 * time.Hour)
		r := prune(t, v, opt)
		if r.Deletes() != 1 || r.Objects.Deleted != 1 || r.Objects.Protected != 0 {
			t.Errorf("%+v", r)
		}
		if err := g.SetHold(t.Context(), held, false); err != nil {
			t.Fatal(err)
		}
		prune(t, v, opt)
		time.Sleep(2 * time.Hour)
		prune(t, v, opt)
		wantObjects(t, g.Memory, v, "model", "own 2")
	})
}

// A writer that touches an object at the last moment, between prune's last look
// and the deletion, keeps it.
func TestTouchedAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := vaulttest.NewMemory()
		v := vaulttest.Init(t, s)
		archivetest.Commit(t, v, spec(1, "model"))
		archivetest.Put(t, v, "old")
		time.Sleep(48 * time.Hour)
		h := &hooked{Memory: s, change: func(name string) error {
			if strings.HasPrefix(name, "objects/") {
				return s.Touch(t.Context(), name)
			}
			return nil
		}}
		r := prune(t, vaulttest.Init(t, h), Options{Policy: Policy{Last: 1}, Grace: 24 * time.Hour})
		if n := r.Objects; n.Deleted != 0 || n.Deletable != 0 || n.Reused != 1 || !r.Whole() {
			t.Errorf("%+v", r)
		}
		wantObjects(t, s, v, "model", "old")
	})
}

// An object that cannot be touched is noted instead, and the note counts for
// the grace period; then it goes, with what restores of lost archives left.
func TestNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := vaulttest.NewGuarded()
		v := vaulttest.Init(t, g)
		archivetest.Commit(t, v, spec(1, "model"))
		archivetest.Put(t, v, "old")
		g.SetState(v.ObjectName(archivetest.Object("old")), store.State{Offline: true})
		g.Put("restores/00000001/0123456789abcdef/1/000001.json", []byte("{}"))
		g.Put("restores/0000000f/0123456789abcdef/1/000001.json", []byte("{}")) // of an archive that is gone
		time.Sleep(48 * time.Hour)
		archivetest.Put(t, v, "old")
		opt := Options{Policy: Policy{Last: 1}, Grace: 24 * time.Hour}
		if r := prune(t, v, opt); r.Expired != 1 || r.Objects.Waiting != 1 {
			t.Errorf("%+v", r)
		}
		wantObjects(t, g.Memory, v, "model", "old")
		if got := stored(g.Memory, "restores/"); len(got) != 1 || !strings.Contains(got[0], "00000001") {
			t.Errorf("%q", got)
		}
		time.Sleep(25 * time.Hour)
		if r := prune(t, v, opt); r.Expired != 1 || r.Objects.Deleted != 1 || len(stored(g.Memory, "wanted/")) > 0 {
			t.Errorf("%+v", r)
		}
		wantObjects(t, g.Memory, v, "model")
	})
}
