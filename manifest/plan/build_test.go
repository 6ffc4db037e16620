package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cvarchive/manifest"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func archived(name string, images ...manifest.Image) *Archived {
	p := manifest.Project{ID: "id of " + name, Name: name, Settings: manifest.ProjectSettings{DomainID: "d1", ClassificationType: "Multilabel"}}
	c := NewContent(p, tagsNamed(2))
	for i := range images {
		c.Add(&images[i])
	}
	return &Archived{
		Entry:   manifest.ProjectEntry{ID: p.ID, Name: name, Type: manifest.Classification, Outcome: manifest.Complete},
		Project: p, Content: c,
	}
}

func withToken(a *Archived, expires manifest.Timestamp) *Archived {
	a.Export = manifest.Export{
		State: manifest.TokenStored, Token: manifest.NewSecret("https://x/?sig=secret"), Expires: expires,
		ImageCount: a.Content.All().Images, TagCount: 2,
	}
	return a
}

func build(t *testing.T, opt Options, target *TargetSide, projects ...*Archived) *Plan {
	t.Helper()
	opt.Now = now
	if target.Domains == nil {
		target.Domains = []manifest.Domain{{ID: "d1", Name: "General", Type: manifest.Classification, Enabled: true}}
	}
	side := &ArchiveSide{
		Domains: []manifest.Domain{{ID: "d1", Name: "General", Type: manifest.Classification, Enabled: true}},
		Projects: func(yield func(*Archived, error) bool) {
			for _, a := range projects {
				if !yield(a, nil) {
					return
				}
			}
		},
	}
	p, err := Build(side, target, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestActionOfAFreeName(t *testing.T) {
	sealed := archived("p", image(1, 10))
	sealed.Export.State = manifest.TokenSealed
	uncounted := withToken(archived("p", image(1, 10)), "")
	uncounted.Export.ImageCount = 0
	failed := archived("p")
	failed.Entry.Outcome = manifest.Failed
	lost := image(1, 10)
	lost.Object = nil
	tests := []struct {
		name   string
		mode   Mode
		a      *Archived
		want   Action
		reason string
	}{
		{"token lives", "", withToken(archived("p", image(1, 10)), "2026-11-24T18:00:00Z"), Import, "lives until 2026-11-24 18:00 UTC"},
		{"token without expiry", "", withToken(archived("p", image(1, 10)), ""), Import, "no expiry"},
		{"token expired", "", withToken(archived("p", image(1, 10)), "2026-11-24T11:00:00Z"), Rebuild, "expired at 2026-11-24 11:00 UTC"},
		{"token about to expire", "", withToken(archived("p", image(1, 10)), "2026-11-24T12:04:00Z"), Rebuild, "in moments"},
		{"token lives, rebuild asked for", ModeRebuild, withToken(archived("p", image(1, 10)), ""), Rebuild, "asked for"},
		{"no token", "", archived("p", image(1, 10)), Rebuild, "no token"},
		{"no token, import asked for", ModeImport, archived("p", image(1, 10)), Blocked, "no token"},
		{"sealed token", "", sealed, Rebuild, "sealed"},
		{"export counts nothing", "", uncounted, Rebuild, "does not count"},
		{"the backup failed", "", failed, Blocked, "could not read"},
		{"no bytes", "", archived("p", lost), Blocked, "bytes of none"},
		{"no bytes but a token", "", withToken(archived("p", lost), ""), Import, ""},
		{"nothing in it", "", archived("p"), Rebuild, "no token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := build(t, Options{Mode: tt.mode}, &TargetSide{}, tt.a)
			got := p.Projects[0]
			if got.Action != tt.want || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("%s: %s", got.Action, got.Reason)
			}
			if p.Pending != tt.want.Writes() {
				t.Errorf("pending %t", p.Pending)
			}
			if hasWay := got.Fallback != nil; got.Action == Import && hasWay != (tt.a.Content.Len() > 0) {
				t.Errorf("fallback %v", got.Fallback)
			}
		})
	}
}

func TestDomainIsMapped(t *testing.T) {
	general := func(id string, enabled bool) manifest.Domain {
		return manifest.Domain{ID: id, Name: "General", Type: manifest.Classification, Enabled: enabled}
	}
	tests := []struct {
		name    string
		offered []manifest.Domain
		want    string // id; empty: blocked
		note    string // part of the note about it
	}{
		{"the same", []manifest.Domain{general("d9", true), general("D1", true)}, "D1", ""},
		{"the same is retired, another of its name is not", []manifest.Domain{general("d1", false), general("d9", true)}, "d9", "is retired; "},
		{"the same is retired and there is no other", []manifest.Domain{general("d1", false)}, "d1", "is retired; the service may refuse to train"},
		{"another id", []manifest.Domain{general("d8", false), general("d9", true)}, "d9", "is not offered; "},
		{"another type", []manifest.Domain{{ID: "d9", Name: "General", Type: manifest.ObjectDetection, Enabled: true}}, "", ""},
		{"another name", []manifest.Domain{{ID: "d9", Name: "Food", Type: manifest.Classification, Enabled: true}}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := build(t, Options{}, &TargetSide{Domains: tt.offered}, archived("p", image(1, 10))).Projects[0]
			if tt.want == "" {
				if got.Action != Blocked || !strings.Contains(got.Reason, "does not offer") {
					t.Errorf("%s: %s", got.Action, got.Reason)
				}
				return
			}
			if got.Domain == nil || got.Domain.ID != tt.want {
				t.Fatalf("domain %+v", got.Domain)
			}
			i := slices.IndexFunc(got.Notes, func(n Note) bool { return n.What == "domain" })
			if (i >= 0) != (tt.note != "") || i >= 0 && !strings.Contains(got.Notes[i].Reason, tt.note) {
				t.Errorf("notes %v", got.Notes)
			}
		})
	}
}

func live(a *Archived, images int) Live {
	l := Live{Project: a.Project, ImageCount: images}
	for i, t := range a.Content.Tags() {
		t.ID, t.ImageCount = "other", a.Content.All().Tags[i]
		l.Tags = append(l.Tags, t)
	}
	return l
}

func TestNameIsTaken(t *testing.T) {
	a := archived("Cats", image(1, 10, 0), image(2, 10, 0, 1))
	equal := live(a, 2)
	more := live(a, 3)
	retagged := live(a, 2)
	retagged.Tags[1].ImageCount = 2
	importing := live(a, 2)
	importing.Project.Status = manifest.StatusImporting
	tests := []struct {
		name   string
		live   Live
		want   Action
		reason string
	}{
		{"equal", equal, Skip, "already there and equal"},
		{"more images", more, Conflict, "3 images, archived 2"},
		{"other tag counts", retagged, Conflict, `tag "tag 1": image count is 2, archived 1`},
		{"still importing", importing, Conflict, "still being imported"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := build(t, Options{}, &TargetSide{Projects: []Live{tt.live}}, a).Projects[0]
			if got.Action != tt.want || !strings.Contains(got.Reason, tt.reason) || got.TargetID != a.Project.ID {
				t.Errorf("%s: %s", got.Action, got.Reason)
			}
		})
	}

	lost := image(3, 10, 1)
	lost.Object = nil
	partly := archived("Cats", image(1, 10, 0), image(2, 10, 0), lost)
	restored := live(partly, 2)
	restored.Tags[1].ImageCount = 0
	if got := build(t, Options{}, &TargetSide{Projects: []Live{restored}}, partly).Projects[0]; got.Action != Skip || !strings.Contains(got.Reason, "2 of 3 images") {
		t.Errorf("what can be restored is there: %s: %s", got.Action, got.Reason)
	}
	shouting := live(a, 2)
	shouting.Project.Name = "CATS"
	if got := build(t, Options{}, &TargetSide{Projects: []Live{shouting}}, a).Projects[0]; got.Action != Conflict {
		t.Errorf("a name that differs in case: %s", got.Action)
	}
}

func TestRename(t *testing.T) {
	a, b := archived("a"), archived("b")
	p := build(t, Options{Rename: map[string]string{"a": "x", "*": "DR *"}}, &TargetSide{}, a, b)
	if p.Projects[0].TargetName != "x" || p.Projects[1].TargetName != "DR b" {
		t.Errorf("names %q, %q", p.Projects[0].TargetName, p.Projects[1].TargetName)
	}
	p = build(t, Options{Rename: map[string]string{"*": "all"}}, &TargetSide{}, a, b)
	if p.Projects[1].Action != Conflict || !strings.Contains(p.Projects[1].Reason, "another project of this restore") {
		t.Errorf("two projects of one name: %+v", p.Projects[1])
	}
	other := live(archived("a"), 7)
	taken := live(archived("a"), 7)
	taken.Project.Name = "a (restored 2026-11-24)"
	p = build(t, Options{OnConflict: ConflictRename}, &TargetSide{Projects: []Live{other, taken}}, a)
	if got := p.Projects[0]; got.Action != Rebuild || got.TargetName != "a (restored 2026-11-24) 2" {
		t.Errorf("%s as %q", got.Action, got.TargetName)
	}
}

func TestLimitsOfTheTarget(t *testing.T) {
	opt := Options{Limits: Limits{Projects: 2, ImagesPerProject: 1}}
	p := build(t, opt, &TargetSide{Projects: []Live{live(archived("there"), 0)}},
		archived("large", image(1, 10), image(2, 10)), archived("fits", image(3, 10)), archived("too many"))
	var got []Action
	for _, pp := range p.Projects {
		got = append(got, pp.Action)
	}
	if want := []Action{Blocked, Rebuild, Blocked}; !slices.Equal(got, want) {
		t.Errorf("actions %v, want %v", got, want)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, opt := range []Options{{Mode: "fast"}, {OnConflict: "overwrite"}} {
		if _, err := Build(&ArchiveSide{}, &TargetSide{}, opt); err == nil {
			t.Errorf("%+v is accepted", opt)
		}
	}
}

func TestNotCarried(t *testing.T) {
	yes := true
	a := archived("p", image(1, 10), manifest.Image{ID: "old", Iterations: []string{"i1"}}, manifest.Image{ID: "lost"})
	a.Project.Settings.UseNegativeSet = &yes
	a.Project.Settings.DetectionParameters = "x"
	a.Iterations = []manifest.Iteration{{Name: "Iteration 1", Status: "Completed", PublishName: "live", Models: []manifest.ModelExport{{Platform: "ONNX", Object: &manifest.Object{}}}}}
	got := build(t, Options{}, &TargetSide{}, a).Projects[0]
	var text []string
	for _, n := range got.NotCarried {
		text = append(text, n.String())
	}
	all := strings.Join(text, "\n")
	for _, want := range []string{
		"setting useNegativeSet: read-only", "setting detectionParameters: read-only",
		"1 trained iteration: the service takes no model back; train again (Iteration 1)",
		`1 published iteration: publish again after training (Iteration 1 as "live")`,
		"1 exported model: kept in the archive only (Iteration 1 ONNX)",
		"1 image: only iterations hold them", "1 image: their bytes are not in the archive (lost)", "ids and dates",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
}
