package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
)

// TestMoved makes a plan, changes one thing in the world, makes it again and
// wants the first one to be refused for that, and for nothing when nothing
// that matters has changed.
func TestMoved(t *testing.T) {
	type world struct {
		target   TargetSide
		archived []*Archived
		archive  Archive
		now      time.Time
	}
	fresh := func() *world {
		there, other := archived("there", image(1, 10)), archived("other")
		l := live(there, 1)
		unread := live(other, -1)
		unread.Tags = nil
		return &world{
			target: TargetSide{
				Target: Target{Name: "dr", Endpoint: "https://dr"}, Projects: []Live{l, unread},
				Domains: []manifest.Domain{{ID: "d1", Name: "General", Type: manifest.Classification, Enabled: true}},
			},
			archived: []*Archived{there, withToken(archived("new", image(2, 10)), "2026-11-25T00:00:00Z")},
			archive:  Archive{ID: "1f6b4c2a", SHA256: manifest.Digest{1}},
			now:      now,
		}
	}
	planOf := func(w *world, opt Options) *Plan {
		t.Helper()
		opt.Now = w.now
		p, err := Build(&ArchiveSide{Archive: w.archive, Domains: w.target.Domains, Projects: func(yield func(*Archived, error) bool) {
			for _, a := range w.archived {
				if !yield(a, nil) {
					return
				}
			}
		}}, &w.target, opt)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, tt := range []struct {
		name   string
		change func(*world)
		want   string
	}{
		{"nothing", func(*world) {}, ""},
		{"a minute passes", func(w *world) { w.now = w.now.Add(time.Minute) }, ""},
		{"the order of projects", func(w *world) {
			p := w.target.Projects
			p[0], p[1] = p[1], p[0]
		}, ""},
		{"the archive", func(w *world) { w.archive.SHA256 = manifest.Digest{2} }, "the archive has changed"},
		{"another archive", func(w *world) { w.archive.ID = "x" }, "it was made from archive 1f6b4c2a"},
		{"another target", func(w *world) { w.target.Target.Endpoint = "https://x" }, "it was made for https://dr"},
		{"a project comes", func(w *world) { w.target.Projects = append(w.target.Projects, live(archived("third"), -1)) }, `project "third" has appeared`},
		{"a project goes", func(w *world) { w.target.Projects = w.target.Projects[:1] }, `project "other" of the target is gone`},
		{"a project is renamed", func(w *world) { w.target.Projects[1].Project.Name = "x" }, `project "other" of the target is now "x"`},
		{"an image comes", func(w *world) { w.target.Projects[0].ImageCount++ }, `has 2 images, where it had 1`},
		{"a tag is renamed", func(w *world) { w.target.Projects[0].Tags[0].Name = "x" }, `settings or tags of project "there"`},
		{"a setting", func(w *world) { w.target.Projects[0].Project.Settings.ClassificationType = "x" }, `settings or tags of project "there"`},
		{"an import ends", func(w *world) { w.target.Projects[1].Project.Status = "Failed" }, `the status Failed`},
		{"a domain is retired", func(w *world) { w.target.Domains[0].Enabled = false }, "the target offers other domains"},
		{"the token expires", func(w *world) { w.now = w.now.Add(96 * time.Hour) }, `project "new" was to get the action import and would now get rebuild, for its token expired`},
		{"the content", func(w *world) {
			w.archived[1] = withToken(archived("new", image(2, 10), image(3, 10)), "2026-11-25T00:00:00Z")
		}, `what is to be done with project "new"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			saved, err := json.Marshal(planOf(fresh(), Options{}))
			if err != nil {
				t.Fatal(err)
			}
			p, err := Decode(saved)
			if err != nil {
				t.Fatal(err)
			}
			w := fresh()
			tt.change(w)
			got := p.Moved(planOf(w, p.Options()), nil)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestOptionsSurviveInAPlan(t *testing.T) {
	opt := Options{
		Mode: ModeRebuild, OnConflict: ConflictRename, Rename: map[string]string{"*": "x *"}, Projects: []string{"p"}, Transfer: TransferURL,
		Train: true, Publish: map[string]string{"a": "b"}, PublishAsBefore: "r", CleanUp: true, Tier: S0,
	}
	p := build(t, opt, &TargetSide{}, archived("p", image(1, 10)))
	opt.Dated = p.Created // names that were given stay, on another day too
	if d := cmp.Diff(opt, p.Options()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "it is not a plan",
		"{}":                                  "no format version",
		`{"formatVersion": 2}`:                "format version 2",
		`{"formatVersion": 1}`:                "does not say what is restored where",
		`{"formatVersion": 1, "surprise": 1}`: "surprise",
		`{"formatVersion": 1, "archive": {"id": "a"}, "target": {"endpoint": "b"}} {}`: "not a plan",
		strings.Repeat("[", 100): "not a plan",
	} {
		if _, err := Decode([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestRoom(t *testing.T) {
	some := func(n int) (out []Live) {
		for i := range n {
			l := live(archived(fmt.Sprint("there ", i)), -1)
			l.Project.ID = fmt.Sprint(i)
			out = append(out, l)
		}
		return out
	}
	large := archived("large")
	large.Project.ID = "l"
	tags := archived("tags")
	tags.Content = NewContent(tags.Project, tagsNamed(51))
	tests := []struct {
		name   string
		opt    Options
		there  []Live
		add    []*Archived
		want   Room
		action Action
	}{
		{"not known and small", Options{}, some(1), []*Archived{archived("p")},
			Room{Projects: 1, After: 2, Limits: LimitsOf(F0)}, Rebuild},
		{"not known and too much for the small one", Options{}, some(2), []*Archived{tags},
			Room{Projects: 2, After: 3, Limits: LimitsOf(F0), Warnings: []string{
				`project "tags" has 51 tags, and tier F0, should it be that, takes 50`,
				"the target will have 3 projects, and tier F0, should it be that, takes 2",
			}}, Rebuild},
		{"learnt by projects", Options{}, some(3), []*Archived{tags},
			Room{Tier: S0, Learnt: true, Projects: 3, After: 4, Limits: LimitsOf(S0)}, Rebuild},
		{"learnt by images", Options{}, []Live{live(large, 5001)}, []*Archived{archived("p")},
			Room{Tier: S0, Learnt: true, Projects: 1, After: 2, Limits: LimitsOf(S0)}, Rebuild},
		{"learnt and full", Options{}, some(100), []*Archived{archived("p")},
			Room{Tier: S0, Learnt: true, Projects: 100, After: 101, Limits: LimitsOf(S0), Warnings: []string{
				"the target will have 101 projects, and tier S0 takes 100",
			}}, Rebuild},
		{"given and full", Options{Tier: F0}, some(2), []*Archived{archived("p")},
			Room{Tier: F0, Projects: 2, After: 2, Limits: LimitsOf(F0)}, Blocked},
		{"given, with too many tags", Options{Tier: F0}, nil, []*Archived{tags},
			Room{Tier: F0, Limits: LimitsOf(F0)}, Blocked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := build(t, tt.opt, &TargetSide{Projects: tt.there}, tt.add...)
			if d := cmp.Diff(tt.want, p.Room); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if got := p.Projects[0].Action; got != tt.action {
				t.Errorf("action %s, want %s", got, tt.action)
			}
		})
	}
}

func TestEstimate(t *testing.T) {
	imported := withToken(archived("a", image(1, 10)), "2026-11-25T00:00:00Z")
	imported.Export.EstimatedImportTimeInMS = 1500
	p := build(t, Options{CallsPerSecond: 2}, &TargetSide{}, imported, archived("b", image(2, 10), image(3, 11)))
	calls := p.Totals.Calls.Total() + p.Totals.ProofCalls.Total()
	want := Estimate{Calls: calls, CallsPerSecond: 2, ImportSeconds: 1.5, Seconds: float64(calls)/2 + 1.5, UploadBytes: 32, ProofBytes: 31}
	if d := cmp.Diff(want, p.Estimate); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := build(t, Options{}, &TargetSide{}, imported).Estimate; got.CallsPerSecond != 10 || got.Duration() <= time.Second {
		t.Errorf("%+v", got)
	}
}

// TestMetadataBeyondTheStricterLimit wants a note for the images that one of
// the documented limits refuses, and for no others.
func TestMetadataBeyondTheStricterLimit(t *testing.T) {
	with := func(n int, m map[string]string) manifest.Image {
		img := image(n, 10)
		img.Metadata = m
		return img
	}
	many := map[string]string{}
	for i := range 10 {
		many[fmt.Sprint(i)] = ""
	}
	more := maps.Clone(many)
	more["x"] = ""
	p := build(t, Options{}, &TargetSide{}, archived("p",
		with(1, many), with(2, more),
		with(3, map[string]string{strings.Repeat("é", 128): strings.Repeat("水", 256)}),
		with(4, map[string]string{strings.Repeat("é", 129): ""}),
		with(5, map[string]string{"k": strings.Repeat("v", 257)})))
	for _, n := range p.Projects[0].Notes {
		if strings.Contains(n.What, "metadata") {
			if d := cmp.Diff([]string{"image-2", "image-4", "image-5"}, n.Items); d != "" || n.Count != 3 {
				t.Errorf("%d images (-want +got):\n%s", n.Count, d)
			}
			return
		}
	}
	t.Errorf("no note in %v", p.Projects[0].Notes)
}
