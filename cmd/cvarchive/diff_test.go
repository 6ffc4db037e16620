package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/compare"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest/diff"
)

// TestDiffText holds the output of diff to what it is meant to look like.
func TestDiffText(t *testing.T) {
	r := &compare.Report{
		Old: compare.Side{Kind: compare.Archived, Name: "west/20280801T020000Z-1f6b4c2a", Resource: "west", Time: time.Date(2028, 8, 1, 2, 0, 0, 0, time.UTC)},
		New: compare.Side{Kind: compare.Resource, Name: "west", Endpoint: "https://example.invalid"},
		By:  compare.ByID, Whole: true,
		Projects: []compare.Project{
			{Status: compare.Changed, Name: "Früchte 水果", NewName: "Fruit", History: diff.History{
				Edits: []diff.Edit{
					{Op: diff.Changed, What: diff.OfName, Old: `"Früchte 水果"`, New: `"Fruit"`},
					{Op: diff.Changed, What: diff.OfTag, ID: "t1", Name: "aple", Field: "name", Old: "aple", New: "apple\x1b[31m"},
					{Op: diff.Added, What: diff.OfTag, ID: "t2", Name: "kiwi", New: "regular, 2 images"},
				},
				Images:     diff.ImageTally{Old: 1234, New: 1235, Added: 2, Removed: 1, Changed: 3, Retagged: 2, Regions: 1},
				ImageEdits: []diff.Edit{{Op: diff.Removed, What: diff.OfImage, ID: "6f1c", Old: `900×600, "kiwi"`}},
			}},
			{Status: compare.Equal, Name: "Same", History: diff.History{Images: diff.ImageTally{Old: 1, New: 1}}},
			{Status: compare.Added, Name: "New", History: diff.History{Images: diff.ImageTally{New: 4, Added: 4}}},
			{Status: compare.Removed, Name: "Old", History: diff.History{Images: diff.ImageTally{Old: 1, Removed: 1}}},
			{Status: compare.NotCompared, Name: "Broken", Reason: "the backup could not read it"},
		},
		Totals: compare.Totals{Equal: 1, Added: 1, Removed: 1, Changed: 1, NotCompared: 1, Images: diff.ImageTally{Added: 6, Removed: 2, Changed: 3}},
	}
	const head = `- west/20280801T020000Z-1f6b4c2a (captured 2028-08-01 02:00:00 UTC from west)
+ west (https://example.invalid) now

`
	const tally = `Projects, matched by id: 1 added, 1 removed, 1 changed, 1 equal, 1 not compared. Images: 6 added, 2 removed, 3 changed.
`
	for _, tt := range []struct {
		name            string
		details, images bool
		want            string
	}{
		{"summary", false, false, head + `  ~ Früchte 水果 → Fruit  1,234 → 1,235 images (+2 -1 ~3)  renamed, 2 tags, images 2 retagged, 1 with other regions
  + New                   4 images                         added
  - Old                   1 image                          removed
  ! Broken                                                 not compared: the backup could not read it

` + tally},
		{"details", true, true, head + `  ~ Früchte 水果 → Fruit  1,234 → 1,235 images (+2 -1 ~3)  renamed, 2 tags, images 2 retagged, 1 with other regions
  = Same                  1 image                          equal
  + New                   4 images                         added
  - Old                   1 image                          removed
  ! Broken                                                 not compared: the backup could not read it

Früchte 水果 → Fruit
    ~ name: "Früchte 水果" → "Fruit"
    ~ tag "aple" is now "apple\x1b[31m"
    + tag "kiwi" (regular, 2 images)
    - image 6f1c (900×600, "kiwi")
    and 5 images that are not listed

` + tally},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			a := &app{out: ui.NewOutput(&b, func(string) (string, bool) { return "", false })}
			a.printDiff(r, tt.details, tt.images)
			if d := cmp.Diff(tt.want, b.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestDiffTextWithoutDifferences(t *testing.T) {
	var b bytes.Buffer
	a := &app{out: ui.NewOutput(&b, func(string) (string, bool) { return "", false })}
	a.printDiff(&compare.Report{
		By: compare.ByName, Equal: true, Whole: true, Totals: compare.Totals{Equal: 2},
		Projects: []compare.Project{{Status: compare.Equal, Name: "a"}, {Status: compare.Equal, Name: "b"}},
	}, false, false)
	if !bytes.HasSuffix(b.Bytes(), []byte("\nNo differences in 2 projects, matched by name.\n")) {
		t.Errorf("%s", &b)
	}
}
