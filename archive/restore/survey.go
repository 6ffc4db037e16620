package restore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// found is what an unfinished project of the target holds.
type found struct {
	plan.Unfinished
	project manifest.Project
	tags    []string    // ids by index in the content's tags; empty: not there
	images  []string    // ids of those that stand for archived ones
	lacking []lackingOf // those that lack something
}

// lackingOf is what one image of the target lacks.
type lackingOf struct {
	id   string // in the target
	rest *upload
}

// openAttempt finds the attempt that a restore of a project goes on with, and
// its project in the target, if there is one.
func openAttempt(past []*attempt, projects []manifest.Project, mine func(*attempt) bool) (*attempt, manifest.Project) {
	for _, a := range slices.Backward(past) {
		if a.done || !mine(a) {
			continue
		}
		if p, ok := a.locate(projects); ok {
			return a, p
		}
	}
	return nil, manifest.Project{}
}

// wants selects attempts to restore a project under a name.
func wants(projectID, name string, archive manifest.Digest) func(*attempt) bool {
	return func(a *attempt) bool {
		same := a.intent.SHA256.IsZero() || archive.IsZero() || a.intent.SHA256 == archive
		return same && a.intent.Project == projectID && a.intent.Wanted == name
	}
}

// skew is how far the clocks of the service and of this machine may be apart.
const skew = 15 * time.Minute

// locate finds the project that an attempt made. When the answer of the call
// that made it was lost, it is the one of the intended name and domain that
// was made after that call was meant to be.
func (a *attempt) locate(projects []manifest.Project) (manifest.Project, bool) {
	for _, p := range projects {
		if a.project != nil {
			if p.ID == a.project.ID {
				return p, true
			}
			continue
		}
		if a.intent.made(p, a.meant) {
			return p, true
		}
	}
	return manifest.Project{}, false
}

// made reports whether a project looks like what the intent was about.
func (i *intent) made(p manifest.Project, meant time.Time) bool {
	if p.Name != i.Name || i.DomainID != "" && !strings.EqualFold(p.Settings.DomainID, i.DomainID) {
		return false
	}
	created, err := p.Created.Time()
	return err != nil || !created.Before(meant.Add(-skew))
}

// survey reads what an attempt's project holds: of a rebuild all its tags and
// images, which takes GetTags and a GetImages for each 256 images.
func survey(ctx context.Context, t Target, archived *plan.Archived, recs *records, a *attempt, p manifest.Project) (*found, error) {
	f := &found{project: p, Unfinished: plan.Unfinished{
		By: a.intent.By, Since: a.begun, TargetID: p.ID, TargetName: a.intent.Name, Status: p.Status,
		Training: a.training != nil && a.training.Iteration != "",
	}}
	if a.intent.By == plan.Import {
		return f, nil
	}
	f.Update = plan.NeedsUpdate(archived.Project.Settings) && !sameMethods(archived.Project.Settings, p.Settings)
	tags, err := t.Tags(ctx, p.ID, "")
	if err != nil {
		return nil, err
	}
	for _, want := range archived.Content.Tags() {
		i := slices.IndexFunc(tags, func(t manifest.Tag) bool { return t.Name == want.Name })
		id := ""
		if i >= 0 {
			id = tags[i].ID
		}
		f.tags = append(f.tags, id)
		f.Tags = append(f.Tags, id != "")
	}
	f.Images = map[int]plan.Lack{}
	seen := map[string]bool{} // pages may overlap
	list := func(ctx context.Context, i int) ([]manifest.ListedImage, error) {
		return t.Images(ctx, p.ID, manifest.ImageQuery{Skip: i * manifest.MaxPage, Take: manifest.MaxPage})
	}
	for page, err := range ahead(ctx, pagesOf(len(a.images)), list) {
		if err != nil {
			return nil, err
		}
		for i := range page {
			if seen[page[i].ID] {
				continue
			}
			seen[page[i].ID] = true
			if err := f.image(archived.Content, recs, a, &page[i]); err != nil {
				return nil, err
			}
		}
		if len(page) < manifest.MaxPage {
			break
		}
	}
	f.Listed = len(seen)
	return f, nil
}

// image takes in one image of the target, if the journal knows it.
func (f *found) image(c *plan.Content, recs *records, a *attempt, have *manifest.ListedImage) error {
	record, known := a.images[have.ID]
	if !known {
		return nil
	}
	image, ok := c.ByRecord(record)
	if !ok {
		return nil
	}
	if _, twice := f.Images[image]; twice {
		return nil
	}
	img, err := c.Image(image, recs.get)
	if err != nil {
		return err
	}
	up, _ := translate(c, f.tags, img, image)
	rest := up.lacking(have)
	lack := plan.Lack{Tags: len(rest.tags), Regions: len(rest.regions), Metadata: rest.late && len(rest.metadata) > 0}
	f.Images[image] = lack
	f.images = append(f.images, have.ID)
	if lack != (plan.Lack{}) {
		f.lacking = append(f.lacking, lackingOf{have.ID, rest})
	}
	return nil
}

// sameMethods reports whether the augmentation is as archived.
func sameMethods(want, got manifest.ProjectSettings) bool {
	if got.ImageProcessingSettings == nil {
		return false
	}
	return maps.Equal(want.ImageProcessingSettings.AugmentationMethods, got.ImageProcessingSettings.AugmentationMethods)
}

// unfinished reads the state of an attempt for the plan, with the archived
// project that it needs for that.
func unfinished(ctx context.Context, t Target, a Archive, e manifest.ProjectEntry, at *attempt, p manifest.Project, opt Options) (*plan.Archived, error) {
	recs, err := newRecords(opt.TempDir)
	if err != nil {
		return nil, err
	}
	defer recs.close()
	archived, err := load(ctx, a, e, recs)
	if err != nil {
		return nil, err
	}
	f, err := survey(ctx, t, archived, recs, at, p)
	if err != nil {
		return nil, fmt.Errorf("look at what an earlier restore left in project %q of the target: %w", p.Name, err)
	}
	archived.Unfinished = &f.Unfinished
	return archived, nil
}
