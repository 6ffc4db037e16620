package replicate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/progress"
	"cvarchive/archive/replicate"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
	"cvarchive/manifest/store"
	"cvarchive/remote/azure"
	"cvarchive/remote/blobstore"
	"cvarchive/remote/blobstore/azurite"
)

func spec(n int, pictures ...string) archivetest.Archive {
	return archivetest.Archive{
		Source: "a", ID: fmt.Sprintf("%08x", n), Created: time.Date(2028, 9, n, 2, 0, 0, 0, time.UTC),
		Projects: [][]string{pictures, {"model", "shared"}},
	}
}

// fill makes three archives that share objects.
func fill(t *testing.T, v *vault.Vault) []vault.Archive {
	t.Helper()
	for n := range 3 {
		archivetest.Commit(t, v, spec(n+1, "model", fmt.Sprint("own ", n), fmt.Sprint("pair ", n/2)))
	}
	archives, err := v.Archives(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return archives
}

func copyAll(ctx context.Context, from, to *vault.Vault, archives []vault.Archive, opt replicate.Options) ([]*replicate.Report, error) {
	p, err := replicate.NewPass(ctx, from, to, opt)
	if err != nil {
		return nil, err
	}
	var reports []*replicate.Report
	err = p.All(ctx, archives, func(r *replicate.Report) { reports = append(reports, r) })
	return reports, err
}

func statuses(reports []*replicate.Report) (text []string) {
	for _, r := range reports {
		text = append(text, fmt.Sprintf("%s %s %d %d", r.Archive.ID, r.Status, r.Copied, r.Failed))
	}
	return text
}

func want(t *testing.T, reports []*replicate.Report, err error, texts ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(texts, statuses(reports)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
		for _, r := range reports {
			t.Log(r.Reason, r.Failures)
		}
	}
}

func TestCopy(t *testing.T) {
	source, target := vaulttest.NewMemory(), vaulttest.NewMemory()
	from := vaulttest.Init(t, source)
	archives := fill(t, from)
	archivetest.Put(t, from, "of no archive")
	counted := vaulttest.Count(target)
	to := vaulttest.Init(t, counted)

	r, err := copyAll(t.Context(), from, to, archives, replicate.Options{DryRun: true})
	want(t, r, err, "00000001 missing 4 0", "00000002 missing 1 0", "00000003 missing 2 0")
	if got := target.Names(); len(got) != 1 {
		t.Errorf("a dry run stored %q", got)
	}
	r, err = copyAll(t.Context(), from, to, archives[1:2], replicate.Options{})
	want(t, r, err, "00000002 copied 4 0")
	r, err = copyAll(t.Context(), from, to, archives, replicate.Options{})
	want(t, r, err, "00000001 copied 1 0", "00000002 present 0 0", "00000003 copied 2 0")
	if err := archivetest.Sound(t.Context(), to); err != nil {
		t.Error(err)
	}
	for _, name := range source.Names() {
		switch {
		case name == vault.MarkerName:
		case strings.Contains(name, from.ObjectName(archivetest.Object("of no archive"))):
			if target.Bytes(name) != nil {
				t.Errorf("%s was copied, and no archive names it", name)
			}
		case string(target.Bytes(name)) != string(source.Bytes(name)):
			t.Errorf("%s is another in the target", name)
		}
	}

	// Nothing is missing: nothing is written, and objects are only listed.
	creates, stats := counted.Creates.Load(), counted.Stats.Load()
	r, err = copyAll(t.Context(), from, to, archives, replicate.Options{})
	want(t, r, err, "00000001 present 0 0", "00000002 present 0 0", "00000003 present 0 0")
	if counted.Creates.Load() != creates || counted.Stats.Load()-stats > 3 {
		t.Errorf("%d creates and %d stats for nothing", counted.Creates.Load()-creates, counted.Stats.Load()-stats)
	}
	// What the target lost is copied again.
	if err := target.Delete(t.Context(), to.ObjectName(archivetest.Object("own 1"))); err != nil {
		t.Fatal(err)
	}
	r, err = copyAll(t.Context(), from, to, archives, replicate.Options{})
	want(t, r, err, "00000001 present 0 0", "00000002 present 1 0", "00000003 present 0 0")
}

// An object that is lost or damaged in the source keeps its archives, and no
// other, from being copied.
func TestDamage(t *testing.T) {
	for name, harm := range map[string]func(*vaulttest.Memory, string){
		"lost":    func(s *vaulttest.Memory, name string) { _ = s.Delete(context.Background(), name) },
		"damaged": func(s *vaulttest.Memory, name string) { data := s.Bytes(name); data[8] ^= 1; s.Put(name, data) },
		"longer":  func(s *vaulttest.Memory, name string) { s.Put(name, append(s.Bytes(name), 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			source := vaulttest.NewMemory()
			from, to := vaulttest.Init(t, source), vaulttest.New(t)
			archives := fill(t, from)
			harm(source, from.ObjectName(archivetest.Object("pair 0"))) // of the first two
			r, err := copyAll(t.Context(), from, to, archives, replicate.Options{})
			want(t, r, err, "00000001 failed 3 1", "00000002 failed 1 1", "00000003 copied 2 0")
			if _, ok := errors.AsType[*vault.ObjectError](r[1].Failures[0].Err); !ok {
				t.Errorf("%v", r[1].Failures[0].Err)
			}
			if err := archivetest.Sound(t.Context(), to); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("archive", func(t *testing.T) {
		source := vaulttest.NewMemory()
		from, to := vaulttest.Init(t, source), vaulttest.New(t)
		archives := fill(t, from)
		data := source.Bytes(archives[0].Path)
		data[100] ^= 1
		source.Put(archives[0].Path, data)
		r, err := copyAll(t.Context(), from, to, archives, replicate.Options{})
		want(t, r, err, "00000001 failed 0 0", "00000002 copied 4 0", "00000003 copied 2 0")
		if !strings.Contains(r[0].Reason, "it is damaged") {
			t.Error(r[0].Reason)
		}
		// The good file in the target is not taken for the damaged one.
		r, err = copyAll(t.Context(), to, from, archives[1:], replicate.Options{})
		want(t, r, err, "00000002 present 0 0", "00000003 present 0 0")
		other := archivetest.Write(t, spec(2, "model"))
		source.Put(archives[1].Path, other)
		r, err = copyAll(t.Context(), to, from, archives[1:2], replicate.Options{})
		want(t, r, err, "00000002 failed 0 0")
		if !strings.Contains(r[0].Reason, "another file of this name") {
			t.Error(r[0].Reason)
		}
	})
	t.Run("into itself", func(t *testing.T) {
		v := vaulttest.New(t)
		_, err := replicate.NewPass(t.Context(), v, v, replicate.Options{})
		if _, ok := errors.AsType[*replicate.SameVaultError](err); !ok {
			t.Errorf("%v", err)
		}
	})
}

// TestStopped stops a copy at each of its writes in turn and runs it again.
func TestStopped(t *testing.T) {
	from := vaulttest.New(t)
	archives := fill(t, from)
	for nth, prefix := int64(1), "objects/"; ; nth++ {
		target := vaulttest.NewMemory()
		to := vaulttest.Init(t, target)
		ctx, kill := context.WithCancel(t.Context())
		gate := vaulttest.Gate(target, vaulttest.When{Prefix: prefix, Nth: nth}, func(context.Context, string) error {
			kill()
			return context.Canceled
		})
		_, err := copyAll(ctx, from, vaulttest.Init(t, gate), archives, replicate.Options{Concurrency: 2})
		stopped := ctx.Err() != nil
		kill()
		if stopped == (err == nil) {
			t.Fatalf("stopped at %d: %v", nth, err)
		}
		if err := archivetest.Sound(t.Context(), to); err != nil {
			t.Fatalf("stopped at %d: %v", nth, err)
		}
		before := len(target.Names())
		r, err := copyAll(t.Context(), from, to, archives, replicate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		copied := 0
		for _, report := range r {
			copied += int(report.Copied)
			if report.Status == replicate.Copied {
				copied++
			}
		}
		if all := len(target.Names()); before+copied != all || all != 1+7+3 {
			t.Fatalf("stopped at %d: %d files were there, %d were copied, %d are there", nth, before, copied, all)
		}
		if err := archivetest.Sound(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		switch {
		case stopped:
		case prefix == "archives/":
			return
		default:
			nth, prefix = 0, "archives/"
		}
	}
}

func TestUnwritableTarget(t *testing.T) {
	from := vaulttest.New(t)
	pictures := []string{"model"}
	for i := range 150 {
		pictures = append(pictures, fmt.Sprint(i))
	}
	a := archivetest.Commit(t, from, spec(1, pictures...))
	for want, refusal := range map[string]error{"the last 100 objects could not be copied": fs.ErrPermission, "no space is left": store.ErrFull} {
		target := vaulttest.FailCreate(vaulttest.NewMemory(), vaulttest.When{Prefix: "objects/"}, refusal)
		vaulttest.MustHit(t, target)
		failed := 0
		_, err := copyAll(t.Context(), from, vaulttest.Init(t, target), []vault.Archive{a}, replicate.Options{Progress: func(e progress.Event) {
			if e.Kind == progress.ItemFailed {
				failed++
			}
		}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if full := errors.Is(refusal, store.ErrFull); full != (failed == 0) {
			t.Errorf("%v: %d objects are named", refusal, failed)
		}
	}
}

// From a folder to Blob Storage, to another container, and back to a folder.
// Between containers no byte of an object passes through this process.
func TestFolderAndBlob(t *testing.T) {
	server := azurite.Start(t)
	folder := func() vault.Store {
		s, err := dirstore.New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	wire := &objectBytes{}
	container := func() vault.Store {
		s, err := blobstore.New(blobstore.Options{
			URL: server.ContainerURL(t), ConnectionString: manifest.NewSecret(server.ConnectionString),
			Azure: azure.Options{Client: &http.Client{Transport: wire}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	from := vaulttest.Init(t, folder())
	archives := fill(t, from.Signing(archivetest.Signer{Name: "ann"}))
	signature, err := from.Signature(t.Context(), archives[2])
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		to      vault.Store
		byStore int64
	}{{container(), 0}, {container(), 7}, {folder(), 0}} {
		to := vaulttest.Init(t, step.to)
		wire.n.Store(0)
		r, err := copyAll(t.Context(), from, to, archives, replicate.Options{})
		want(t, r, err, "00000001 copied 4 0", "00000002 copied 1 0", "00000003 copied 2 0")
		if n := r[0].ByStore + r[1].ByStore + r[2].ByStore; n != step.byStore || (n > 0) != (wire.n.Load() == 0) {
			t.Errorf("the storage copied %d objects by itself, and %d bytes of objects passed through this process", n, wire.n.Load())
		}
		if err := archivetest.Sound(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if archives, err = to.Archives(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := to.Signature(t.Context(), archives[2]); err != nil || !archives[2].Signed || string(got) != string(signature) {
			t.Errorf("signature %q, %v", got, err)
		}
		chain, err := verify.NewPass(to, verify.Options{}).Chain(t.Context(), "a")
		if err != nil || chain.Archives != 3 || chain.Sound() {
			t.Errorf("chain of archives that name no parents: %+v, %v", chain, err)
		}
		from = to
	}
}

// objectBytes counts the bytes of bodies of requests for objects.
type objectBytes struct{ n atomic.Int64 }

func (w *objectBytes) RoundTrip(req *http.Request) (*http.Response, error) {
	ours := strings.Contains(req.URL.Path, "/objects/")
	if ours {
		w.n.Add(req.ContentLength)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && ours && req.Method == http.MethodGet {
		w.n.Add(max(resp.ContentLength, 1))
	}
	return resp, err
}

// Where the storage does not copy by itself, objects pass through this
// process, and that is told once; where it is not to, it is not asked.
func TestStoreThatDoesNotCopy(t *testing.T) {
	pictures := []string{"model"}
	for i := range 50 {
		pictures = append(pictures, fmt.Sprint(i))
	}
	from := vaulttest.New(t)
	a := archivetest.Commit(t, from, spec(1, pictures...))
	for name, test := range map[string]struct {
		opt         replicate.Options
		refuse      int64 // the first so many requests
		asked, self int64
		warnings    int
	}{
		"never":     {replicate.Options{Concurrency: 1}, 1000, 8, 0, 1},
		"at first":  {replicate.Options{Concurrency: 1}, 3, 52, 49, 1},
		"willing":   {replicate.Options{Concurrency: 1}, 0, 52, 52, 0},
		"read data": {replicate.Options{Concurrency: 1, ReadData: true}, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			target := &copier{Memory: vaulttest.NewMemory(), refuse: test.refuse}
			to := vaulttest.Init(t, target)
			var warnings []string
			test.opt.Progress = func(e progress.Event) {
				if e.Kind == progress.Warning {
					warnings = append(warnings, e.Message)
				}
			}
			r, err := copyAll(t.Context(), from, to, []vault.Archive{a}, test.opt)
			want(t, r, err, "00000001 copied 52 0")
			if target.asked != test.asked || r[0].ByStore != test.self || len(warnings) != test.warnings {
				t.Errorf("asked %d times, %d copied, warned: %q", target.asked, r[0].ByStore, warnings)
			}
			if err := archivetest.Sound(t.Context(), to); err != nil {
				t.Error(err)
			}
		})
	}
}

// copier is a store in memory that copies by itself, but for a while.
type copier struct {
	*vaulttest.Memory
	asked, refuse int64
}

func (c *copier) CopiesFrom(from any) bool { return true }

func (c *copier) CopyFrom(ctx context.Context, from any, name string, size int64) error {
	if c.asked++; c.asked <= c.refuse {
		return errors.New("it does not want to")
	}
	r, err := from.(vault.Store).Open(ctx, name, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return c.Create(ctx, name, bytes.NewReader(data))
}

// TestCopySignatures: a signature comes along, also one that was made later.
func TestCopySignatures(t *testing.T) {
	source, target := vaulttest.NewMemory(), vaulttest.NewMemory()
	from := vaulttest.Init(t, source)
	archivetest.Commit(t, from, spec(1, "model"))
	archivetest.Commit(t, from.Signing(archivetest.Signer{Name: "ann"}), spec(2, "model"))
	to := vaulttest.Init(t, target)
	for round, later := range []string{"", "signed later"} {
		archives, err := from.Archives(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if later != "" {
			if err := from.PutSignature(t.Context(), archives[0], []byte(later)); err != nil {
				t.Fatal(err)
			}
			archives[0].Signed = true
		}
		if _, err := copyAll(t.Context(), from, to, archives, replicate.Options{}); err != nil {
			t.Fatal(err)
		}
		for _, a := range archives {
			if got, want := target.Bytes(a.SignaturePath()), source.Bytes(a.SignaturePath()); string(got) != string(want) {
				t.Errorf("round %d: the signature of %s is %q, want %q", round, a.Name, got, want)
			}
		}
	}
}
