package compare_test

import (
	"bytes"
	gocmp "cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/compare"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

const general = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31" // a domain that every resource of the simulator offers

// account is one resource of a simulated service, as a user fills it.
type account struct {
	t      *testing.T
	client *customvision.Client
	tags   map[string]string // "project/tag" → id
	ids    map[string]string // project → id
}

func newAccount(t *testing.T, sim *simtest.Server, resource string) *account {
	t.Helper()
	c, err := customvision.New(customvision.Options{
		Name: resource, Endpoint: sim.Endpoint(resource), TrainingKey: manifest.NewSecret(sim.Key(resource)), CallsPerSecond: -1,
	})
	check(t, err)
	return &account{t: t, client: c, tags: map[string]string{}, ids: map[string]string{}}
}

func (a *account) project(name string, tags ...string) {
	a.t.Helper()
	p, err := a.client.CreateProject(a.t.Context(), manifest.NewProject{Name: name, DomainID: general, ClassificationType: "Multilabel"})
	check(a.t, err)
	a.ids[name] = p.ID
	for _, tag := range tags {
		made, err := a.client.CreateTag(a.t.Context(), p.ID, manifest.Tag{Name: tag, Type: manifest.TagRegular})
		check(a.t, err)
		a.tags[name+"/"+tag] = made.ID
	}
}

// add uploads pictures with a tag and returns their ids.
func (a *account) add(project, tag string, pictures ...int) (ids []string) {
	a.t.Helper()
	for _, n := range pictures {
		s, err := a.client.CreateImagesFromFiles(a.t.Context(), a.ids[project], manifest.ImageBatch{
			Images: []manifest.NewImage{{Name: fmt.Sprint(n), Contents: picture(n), TagIDs: []string{a.tags[project+"/"+tag]}}},
		})
		check(a.t, err)
		ids = append(ids, s.Images[0].Image.ID)
	}
	return ids
}

// backUp captures the account and opens the archive.
func (a *account) backUp(v *vault.Vault, projects ...string) *archive.Reader {
	a.t.Helper()
	res, err := backup.Run(a.t.Context(), a.client, v, backup.Options{
		Source: manifest.Source{Name: a.client.Name(), Endpoint: a.client.Endpoint(), APIVersion: "v3.3"}, Projects: projects, TempDir: a.t.TempDir(),
	})
	check(a.t, err)
	f, err := v.OpenArchive(a.t.Context(), res.Archive)
	check(a.t, err)
	a.t.Cleanup(func() { f.Close() })
	r, err := archive.NewReader(f, f.Size())
	check(a.t, err)
	return r
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func picture(n int) []byte {
	img := image.NewPaletted(image.Rect(0, 0, 256, 256), color.Palette{color.Black, color.RGBA{uint8(n * 37), uint8(n * 91), uint8(n), 255}})
	for i := range img.Pix {
		img.Pix[i] = uint8(i/(n+2)) & 1
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// lines puts a report into lines without ids.
func lines(r *compare.Report) (out []string) {
	for _, p := range r.Projects {
		t := p.Images
		line := fmt.Sprintf("%s %s %s %d→%d +%d -%d ~%d", p.Status, p.Name, p.NewName, t.Old, t.New, t.Added, t.Removed, t.Changed)
		out = append(out, strings.Join(strings.Fields(line), " "))
		for _, e := range append(p.Edits, p.ImageEdits...) {
			out = append(out, "  "+e.Op.Sign()+" "+strings.Replace(e.String(), " "+gocmp.Or(e.ID, "no id"), "", 1))
		}
	}
	return out
}

func want(t *testing.T, r *compare.Report, by compare.By, lines_ ...string) {
	t.Helper()
	if d := cmp.Diff(lines_, lines(r)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if r.By != by || !r.Whole {
		t.Errorf("matched by %s, whole %t", r.By, r.Whole)
	}
}

func TestTwoDatesOfOneResource(t *testing.T) {
	ctx := t.Context()
	sim := simtest.Start(t, simulator.Options{})
	a, v := newAccount(t, sim, "westeurope"), vaulttest.New(t)
	a.project("Fruit", "apple", "pear")
	a.project("Old")
	a.project("Same", "x")
	apples := a.add("Fruit", "apple", 1, 2, 3)
	a.add("Same", "x", 1)
	first := a.backUp(v)

	check(t, a.client.DeleteProject(ctx, a.ids["Old"]))
	a.project("New", "y")
	a.add("New", "y", 5, 6)
	p, err := a.client.Project(ctx, a.ids["Fruit"])
	check(t, err)
	p.Name = "Fruits"
	_, err = a.client.UpdateProject(ctx, p.ID, p)
	check(t, err)
	_, err = a.client.UpdateTag(ctx, p.ID, manifest.Tag{ID: a.tags["Fruit/apple"], Name: "Apfel", Type: manifest.TagRegular})
	check(t, err)
	a.add("Fruit", "pear", 9)
	check(t, a.client.DeleteImages(ctx, p.ID, customvision.ImageDeletion{IDs: apples[:1]}))
	_, err = a.client.CreateImageTags(ctx, p.ID, []manifest.ImageTagEntry{{ImageID: apples[1], TagID: a.tags["Fruit/pear"]}})
	check(t, err)

	expected := []string{
		"changed Fruit Fruits 3→3 +1 -1 ~1",
		`  ~ name: "Fruit" → "Fruits"`,
		`  ~ tag "apple" is now "Apfel"`,
		`  - image (256×256, "Apfel")`,
		`  ~ image: tags "Apfel" → "Apfel", "pear"`,
		`  + image (256×256, "pear")`,
		"added New 0→2 +2 -0 ~0",
		"removed Old 0→0 +0 -0 ~0",
		"equal Same 1→1 +0 -0 ~0",
	}
	before := sim.Resource("westeurope").Calls()
	live, err := compare.Live(ctx, first, "first", a.client, "west", a.client.Endpoint(), compare.Options{MaxImages: 10})
	check(t, err)
	want(t, live, compare.ByID, expected...)
	calls := map[string]int{}
	for op, n := range sim.Resource("westeurope").Calls() {
		if n -= before[op]; n > 0 {
			calls[op] = n
		}
	}
	if d := cmp.Diff(map[string]int{"GetProjects": 1, "GetTags": 2, "GetIterations": 2, "GetImages": 2, "GetImageCount": 1}, calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}

	second := a.backUp(v)
	r, err := compare.Archives(ctx, first, "first", second, "second", compare.Options{MaxImages: 10})
	check(t, err)
	want(t, r, compare.ByID, expected...)
	if r.Equal || r.Totals.Images.Added != 3 || r.Totals.Images.Removed != 1 || r.Totals.Changed != 1 {
		t.Errorf("equal %t, %+v", r.Equal, r.Totals)
	}
	r, err = compare.Archives(ctx, second, "second", second, "second", compare.Options{MaxImages: 10})
	check(t, err)
	if !r.Equal || r.Totals.Equal != 3 {
		t.Errorf("with itself: %+v", r)
	}

	// An archive of chosen projects says nothing about the others.
	chosen := a.backUp(v, "Same")
	r, err = compare.Archives(ctx, first, "first", chosen, "chosen", compare.Options{})
	check(t, err)
	want(t, r, compare.ByID, "left-out Fruit 0→0 +0 -0 ~0", "left-out Old 0→0 +0 -0 ~0", "equal Same 1→1 +0 -0 ~0")
	if !r.Equal {
		t.Error("what was not chosen counts as a difference")
	}
	_, err = compare.Archives(ctx, first, "first", second, "second", compare.Options{Projects: []string{"Nuts"}})
	if _, ok := errors.AsType[*compare.UnknownProjectError](err); !ok {
		t.Errorf("err %v", err)
	}
}

func TestAnotherResource(t *testing.T) {
	ctx := t.Context()
	sim := simtest.Start(t, simulator.Options{})
	west, north, v := newAccount(t, sim, "westeurope"), newAccount(t, sim, "northeurope"), vaulttest.New(t)
	for _, a := range []*account{west, north} {
		a.project("Fruit", "apple", "pear")
		a.add("Fruit", "apple", 1, 2)
		a.add("Fruit", "pear", 3)
	}
	r := west.backUp(v)
	live := func(opt compare.Options) *compare.Report {
		t.Helper()
		opt.TempDir, opt.MaxImages = t.TempDir(), 10
		got, err := compare.Live(ctx, r, "west", north.client, "north", north.client.Endpoint(), opt)
		check(t, err)
		return got
	}
	for _, opt := range []compare.Options{{}, {Deep: true}} {
		if got := live(opt); !got.Equal || got.By != compare.ByName || got.ImagesCounted == opt.Deep {
			t.Errorf("deep %t: %+v", opt.Deep, got)
		}
	}

	// Counts and tags agree, and only the bytes tell.
	images, err := north.client.Images(ctx, north.ids["Fruit"], manifest.ImageQuery{Take: 1})
	check(t, err)
	check(t, north.client.DeleteImages(ctx, north.ids["Fruit"], customvision.ImageDeletion{IDs: []string{images[0].ID}}))
	north.add("Fruit", "apple", 7)
	if got := live(compare.Options{}); !got.Equal {
		t.Errorf("by counts: %q", lines(got))
	}
	want(t, live(compare.Options{Deep: true}), compare.ByName,
		"changed Fruit 3→3 +0 -0 ~1",
		fmt.Sprintf("  ~ image: content %s → %s", digest(1), digest(7)))

	north.add("Fruit", "pear", 8)
	want(t, live(compare.Options{}), compare.ByName, "changed Fruit 3→4 +0 -0 ~0", `  ~ tag "pear": image count 1 → 2`)

	// Two archives know the digests of their images.
	got, err := compare.Archives(ctx, r, "west", north.backUp(v), "north", compare.Options{})
	check(t, err)
	want(t, got, compare.ByName, "changed Fruit 3→4 +1 -0 ~1")
}

func digest(n int) manifest.Digest { return sha256.Sum256(picture(n)) }
