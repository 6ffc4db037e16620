package restore_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

// TestCallsEqualThePlanAndTheLowerBound restores projects of several sizes,
// tag counts and metadata patterns, and compares the calls that the simulator
// counted with what the plan said and with the least possible.
func TestCallsEqualThePlanAndTheLowerBound(t *testing.T) {
	t.Parallel()
	e := newFastEnvironment(t, simulator.ResourceOptions{})
	pictures := make([][]byte, 600)
	for i := range pictures {
		pictures[i] = picture(i)
	}
	metadata := map[string]func(i int) map[string]string{
		"none":   func(int) map[string]string { return nil },
		"equal":  func(int) map[string]string { return map[string]string{"site": "a"} },
		"groups": func(i int) map[string]string { return map[string]string{"site": fmt.Sprint(i % 3)} },
		"unique": func(i int) map[string]string { return map[string]string{"serial": fmt.Sprint(i)} },
	}
	for _, images := range []int{0, 1, 64, 65, 600} {
		for _, tags := range []int{3, 30} {
			for name, of := range metadata {
				if images == 600 && (tags == 3) != (name == "equal") {
					continue // the large ones once for each pattern
				}
				t.Run(fmt.Sprintf("%d images %d tags metadata %s", images, tags, name), func(t *testing.T) {
					p := newProject(t.Name(), classification, tags)
					content := plan.NewContent(p.Project, p.tags)
					for i := range images {
						img := p.add(e.vault, pictures[i], i%tags)
						img.Metadata = of(i)
						content.Add(img)
					}
					e.sim.Resource("northeurope").ResetCalls()
					opt := e.options()
					opt.NoContentProof = images == 600
					pl, report := e.restore(archiveOf(t, p), opt)
					wantEqual(t, report)
					counted := e.writes()
					if d := cmp.Diff(pl.Totals.Calls, counted); d != "" {
						t.Errorf("planned calls (-) are not those made (+):\n%s", d)
					}
					if got, bound := counted.Total(), content.LowerBound(); got != bound {
						t.Errorf("%d calls, the lower bound is %d", got, bound)
					}
					all := plan.Calls(e.sim.Resource("northeurope").Calls())
					if reads, want := all.Total()-counted.Total(), pl.Totals.ProofCalls.Total()+2; reads != want {
						t.Errorf("%d reading calls, want %d: %v", reads, want, all)
					}
					if report.Projects[0].Calls.Total() != counted.Total()+pl.Totals.ProofCalls.Total() {
						t.Errorf("the report counts %v", report.Projects[0].Calls)
					}
				})
			}
		}
	}
}

// TestCallsWithManyTagsOnAnImage has images with more tags than a call takes:
// the rest follows, many to a call.
func TestCallsWithManyTagsOnAnImage(t *testing.T) {
	for _, domain := range []string{classification, detection} {
		e := newFastEnvironment(t, simulator.ResourceOptions{})
		p := newProject("many tags", domain, 60)
		for i := range 130 {
			if domain == classification {
				var tags []int
				for k := range 45 {
					tags = append(tags, (i+k)%60)
				}
				p.add(e.vault, picture(i), tags...)
				continue
			}
			img := p.add(e.vault, picture(i))
			for k := range 30 {
				p.box(img, (i+k)%60, "0.25", "0.125", "0.5", "0.25")
			}
		}
		pl, report := e.restore(archiveOf(t, p), e.options())
		wantEqual(t, report)
		if d := cmp.Diff(pl.Totals.Calls, e.writes()); d != "" {
			t.Errorf("planned calls (-) are not those made (+):\n%s", d)
		}
		follow := pl.Totals.Calls[plan.CreateImageTags] + pl.Totals.Calls[plan.CreateImageRegions]
		if follow == 0 || pl.Totals.Calls[plan.CreateImagesFromFiles] > 130/manifest.MaxBatch+2 {
			t.Errorf("the plan is %v", pl.Totals.Calls)
		}
	}
}
