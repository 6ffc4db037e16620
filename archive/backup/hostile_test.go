package backup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
)

// hostile is a service of which one project is in order, and the others are
// what an attacker, or a proxy in between, could make of them.
type hostile struct {
	projects []manifest.Project
	domains  []manifest.Domain
	change   map[string]change // by project id
}

// change says how a project differs from the one in order.
type change struct {
	tags       []manifest.Tag
	iterations []manifest.Iteration
	count      int // images that the export counts
	page       func(manifest.ImageQuery) []manifest.ListedImage
	body       func() (io.Reader, int64)
}

func (h *hostile) Domains(context.Context) ([]manifest.Domain, error)   { return h.domains, nil }
func (h *hostile) Projects(context.Context) ([]manifest.Project, error) { return h.projects, nil }

func (h *hostile) Project(_ context.Context, project string) (manifest.Project, error) {
	for _, p := range h.projects {
		if p.ID == project {
			return p, nil
		}
	}
	return manifest.Project{}, nil
}

func (h *hostile) Tags(_ context.Context, project, _ string) ([]manifest.Tag, error) {
	return h.change[project].tags, nil
}

func (h *hostile) Iterations(_ context.Context, project string) ([]manifest.Iteration, error) {
	return slices.Clone(h.change[project].iterations), nil
}

func (h *hostile) IterationPerformance(context.Context, string, string) (*manifest.IterationPerformance, error) {
	return &manifest.IterationPerformance{Precision: "\x1b[31m"}, nil
}

func (h *hostile) ModelExports(context.Context, string, string) ([]manifest.ModelExport, error) {
	return nil, nil
}

func (h *hostile) ExportProject(_ context.Context, project string) (manifest.Export, error) {
	c := h.change[project]
	return manifest.Export{ImageCount: c.count, TagCount: len(c.tags), Token: manifest.NewSecret("token")}, nil
}

func (h *hostile) Images(_ context.Context, project string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	if page := h.change[project].page; page != nil && q.IterationID == "" {
		return page(q), nil
	}
	return nil, nil
}

func (h *hostile) ImageCount(context.Context, string, string) (int, error) { return 0, nil }

func (h *hostile) ImagesByIDs(context.Context, string, string, []string) ([]manifest.ListedImage, error) {
	return nil, nil
}

func (h *hostile) Download(_ context.Context, project string, _ manifest.Secret, offset int64) (io.ReadCloser, int64, error) {
	if body := h.change[project].body; body != nil {
		r, size := body()
		return io.NopCloser(r), size, nil
	}
	return io.NopCloser(strings.NewReader("GIF89a, more or less"[offset:])), -1, nil
}

func hostileID(kind, n int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", kind, n) }

func hostileImages(n int, alter func(*manifest.Image)) []manifest.ListedImage {
	list := make([]manifest.ListedImage, n)
	for i := range list {
		list[i].ID = hostileID(7, i)
		list[i].OriginalURI = manifest.NewSecret("https://blob.example/o-1")
		if alter != nil {
			alter(&list[i].Image)
		}
	}
	return list
}

// once gives images on the first page only.
func once(images []manifest.ListedImage) func(manifest.ImageQuery) []manifest.ListedImage {
	return func(q manifest.ImageQuery) []manifest.ListedImage {
		return images[min(q.Skip, len(images)):]
	}
}

// endlessBody never runs out of bytes.
type endlessBody struct{}

func (endlessBody) Read(p []byte) (int, error) { return len(p), nil }

// Each of these projects is captured as far as it can be, says what is wrong
// with it in a sentence, and leaves the others and the archive whole.
func TestHostileService(t *testing.T) {
	deep := manifest.Extra{"x": json.RawMessage(strings.Repeat("[", 200) + strings.Repeat("]", 200))}
	wide := manifest.Extra{"x": json.RawMessage("[" + strings.Repeat("0,", 30_000) + "0]")}
	long := strings.Repeat("n", 1<<20)
	evil := "../../x\r\n\x1b[2J\u009b31m\u202e"
	page := hostileImages(manifest.MaxPage, nil)
	good := change{count: 3, page: once(hostileImages(3, nil))}
	cases := []struct {
		name   string
		change change
		want   string // in what the archive says of the project; empty: nothing
	}{
		{name: "in order", change: good},
		{name: evil, change: good},
		{"deep tag", change{tags: []manifest.Tag{{ID: hostileID(2, 1), Extra: deep}}}, "nested deeper"},
		{"tag of a strange id", change{tags: []manifest.Tag{{ID: evil}}}, "not a UUID"},
		{"wide iteration", change{iterations: []manifest.Iteration{{ID: hostileID(3, 1), Name: evil, Extra: manifest.Extra{
			"x": json.RawMessage("[" + strings.Repeat("0,", 300_000) + "0]")}}}}, "list entries"},
		{"numbers that are none", change{iterations: []manifest.Iteration{{ID: hostileID(3, 1), Name: long, Status: "Completed"}}}, "not a number"},
		{"deep image", change{count: 1, page: once(hostileImages(1, func(i *manifest.Image) { i.Extra = deep }))}, "nested deeper"},
		{"wide image", change{count: 1, page: once(hostileImages(1, func(i *manifest.Image) { i.Extra = wide }))}, "list entries"},
		{"images of strange ids", change{count: 2, page: once(hostileImages(2, func(i *manifest.Image) { i.ID = "../" + i.ID }))}, "without a usable id"},
		{"the same page for ever", change{count: math.MaxInt, page: func(manifest.ImageQuery) []manifest.ListedImage { return slices.Clone(page) }}, "the list goes on after"},
		{"a page larger than asked for", change{count: 1, page: once(hostileImages(5000, nil))}, "5000 images came where 256 were asked for"},
		{"bytes without end", change{count: 1, page: once(hostileImages(1, nil)), body: func() (io.Reader, int64) { return endlessBody{}, -1 }}, "larger than the 64 MiB"},
		{"10 GB announced", change{count: 1, page: once(hostileImages(1, nil)), body: func() (io.Reader, int64) { return bytes.NewReader([]byte("x")), 10 << 30 }}, "larger than the 64 MiB"},
		{"no picture", change{count: 1, page: once(hostileImages(1, nil)), body: func() (io.Reader, int64) {
			return strings.NewReader("<script>"), -1
		}}, "no JPEG, PNG, BMP or GIF"},
	}
	h := &hostile{change: map[string]change{}, domains: []manifest.Domain{{ID: hostileID(1, 1), Name: "General"}, {ID: evil}, {ID: hostileID(1, 2), Name: long}}}
	for i, c := range cases {
		id := hostileID(0, i)
		h.projects = append(h.projects, manifest.Project{ID: id, Name: c.name})
		h.change[id] = c.change
	}
	h.projects = append(h.projects,
		manifest.Project{ID: strings.ToUpper(hostileID(0, 0)), Name: "the first one again"},
		manifest.Project{ID: "../../etc", Name: evil},
		manifest.Project{ID: hostileID(9, 1), Name: long},
		manifest.Project{ID: hostileID(9, 2), Name: "deep", Extra: deep})

	dir := t.TempDir()
	store := vaulttest.NewMemory()
	v := vaulttest.Init(t, store)
	opt := backup.Options{
		Source: manifest.Source{Name: "weu", Endpoint: "https://hostile.example"}, Tool: manifest.Tool{Name: "cvarchive", Version: "test"},
		TempDir: dir, RetryDelay: 1, Downloads: 4,
	}
	res, err := backup.Run(t.Context(), h, v, opt)
	if err != nil {
		t.Fatal(err)
	}
	file, err := v.OpenArchive(t.Context(), res.Archive)
	if err != nil {
		t.Fatal(err)
	}
	r, err := archive.NewReader(file, file.Size())
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		e := r.Manifest().Project(hostileID(0, i))
		if e == nil || e.Name != c.name {
			t.Errorf("%q is in the archive as %+v", c.name, e)
			continue
		}
		said := ""
		for _, f := range e.Failures {
			said += fmt.Sprintf("%s: %s\n", f.Item, f.Message)
		}
		for rec, err := range r.Images(t.Context(), e.ID) {
			if err != nil {
				t.Fatal(err)
			}
			if rec.Failure != nil {
				said += fmt.Sprintf("%s: %s\n", rec.Failure.Item, rec.Failure.Message)
			}
		}
		if (c.want == "") != (said == "") || !strings.Contains(said, c.want) || len(said) > 10_000 {
			t.Errorf("%q says %.1000s", c.name, said)
		}
	}
	account := ""
	for _, f := range r.Manifest().Failures {
		account += fmt.Sprintf("%s: %s\n", f.Item, f.Message)
	}
	for _, want := range []string{"the first one again", "another project has its id", "not a UUID", "1048576 bytes, more than 4096", "nested deeper"} {
		if !strings.Contains(account, want) {
			t.Errorf("the account's failures lack %q:\n%s", want, account)
		}
	}
	if len(account) > 10_000 || len(r.Manifest().Domains) != 1 || res.Whole() {
		t.Errorf("%d bytes of failures, %d domains, whole: %v", len(account), len(r.Manifest().Domains), res.Whole())
	}
	report, err := verify.Archive(t.Context(), v, res.Archive, verify.Options{ReadData: true})
	if err != nil || !report.Sound() {
		t.Errorf("the archive does not verify: %v, %v", err, report)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
