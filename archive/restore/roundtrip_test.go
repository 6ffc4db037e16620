package restore_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

// names are pieces of names that have broken other tools.
var names = []string{"chat", "Über", "猫", "قطة", "🐈‍⬛", "a/b", "50%", "x&y=z", "\"q\"", "#1", "new\nline", "+", "'", strings.Repeat("long ", 200)}

// randomProject makes a project of any type, with what the service allows.
func randomProject(e *environment, r *rand.Rand) *project {
	name := func() string { return names[r.IntN(len(names))] + " " + strconv.Itoa(r.IntN(1_000_000)) }
	text := func() string {
		if r.IntN(3) == 0 {
			return ""
		}
		return name()
	}
	p := newProject(name(), []string{classification, detection}[r.IntN(2)], 0)
	p.Description = text()
	if p.kind == manifest.Classification && r.IntN(2) == 0 {
		p.Settings.ClassificationType = "Multiclass"
	}
	for range r.IntN(60) {
		p.tags[p.tag(fmt.Sprintf("%s %d", name(), len(p.tags)), manifest.TagRegular)].Description = text()
	}
	negative := -1
	if r.IntN(3) == 0 {
		negative = p.tag(name(), manifest.TagNegative)
	}
	regular := len(p.tags)
	if negative >= 0 {
		regular--
	}
	most := 1 + r.IntN(60)
	for range r.IntN(100) {
		img := p.add(e.vault, picture(r.IntN(1_000_000_000)))
		switch {
		case negative >= 0 && r.IntN(5) == 0:
			img.Tags = []manifest.ImageTag{{TagID: p.tags[negative].ID}}
		case regular == 0:
		case p.kind == manifest.ObjectDetection:
			for range r.IntN(most) {
				p.box(img, r.IntN(regular), fraction(r), fraction(r), fraction(r), fraction(r))
			}
		case p.Settings.ClassificationType == "Multiclass":
			img.Tags = []manifest.ImageTag{{TagID: p.tags[r.IntN(regular)].ID}}
		default:
			for _, tag := range r.Perm(regular)[:r.IntN(min(most, regular)+1)] {
				img.Tags = append(img.Tags, manifest.ImageTag{TagID: p.tags[tag].ID})
			}
		}
		if k := r.IntN(8); k < 4 {
			img.Metadata = map[string]string{}
			for m := range 1 + k*k {
				key := names[m%len(names)]
				img.Metadata[key[:min(len(key), 100)]+strconv.Itoa(m)] = fmt.Sprint(k, r.IntN(2))
			}
		}
	}
	return p
}

// fraction is a number of at most a half, as the service would write it.
func fraction(r *rand.Rand) json.Number {
	return json.Number(strconv.FormatFloat(float64(float32(r.Float64()/2+1e-4)), 'g', -1, 32))
}

// TestRandomProjectsComeBackEqual restores random projects and proves them,
// with the calls that were planned.
func TestRandomProjectsComeBackEqual(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, simulator.ResourceOptions{})
	calls := 0
	for seed := range uint64(15) {
		p := randomProject(e, rand.New(rand.NewPCG(seed, 3)))
		e.sim.Resource("northeurope").ResetCalls()
		pl, report := e.restore(archiveOf(t, p), e.options())
		wantEqual(t, report)
		if d := cmp.Diff(pl.Totals.Calls, e.writes()); d != "" {
			t.Errorf("planned calls (-) are not those made (+):\n%s", d)
		}
		if report.Projects[0].Proof == nil || report.Projects[0].Proof.ByContent != len(p.images) {
			t.Errorf("proof %+v of %d images", report.Projects[0].Proof, len(p.images))
		}
		calls += pl.Totals.Calls[plan.CreateImageTags] + pl.Totals.Calls[plan.CreateImageRegions] + pl.Totals.Calls[plan.UpdateImageMetadata]
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if calls == 0 {
		t.Error("no project needed a follow-up call: the test tests too little")
	}
}
