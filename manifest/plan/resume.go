package plan

import (
	"fmt"
	"slices"
	"time"

	"cvarchive/manifest"
)

// Resume says what an interrupted restore left, and what this one goes on
// with.
type Resume struct {
	By    Action    `json:"by"`    // import or rebuild
	Since time.Time `json:"since"` // when it was begun
	// Status is that of an import, as the service tells it.
	Status string `json:"status,omitempty"`
	Tags   int    `json:"tags"`   // of the archived ones, there already
	Images int    `json:"images"` // of the archived ones, there already
}

// Unfinished is the state of a project that an earlier restore began and did
// not finish, as read from its journal and from the target.
type Unfinished struct {
	By         Action // Import or Rebuild
	Since      time.Time
	TargetID   string
	TargetName string
	Status     string // of the target's project
	Training   bool   // a training of it was begun

	// The rest is about rebuilds.

	Update bool         // the settings are yet to be set
	Tags   []bool       // which of [Content.Tags] are there
	Images map[int]Lack // the images that are there, see [Content.Image]
	Listed int          // images of the target's project, known or not
}

// Lack is what an image that is there does not have yet.
type Lack struct {
	Tags, Regions int
	Metadata      bool
}

// Rest is what remains of a schedule when some images are there, but may lack
// something.
func (c *Content) Rest(s *Schedule, there map[int]Lack) *Schedule {
	rest := &Schedule{}
	late := map[int]int{} // images whose metadata follows, by group
	for _, b := range s.Batches {
		b.Images = slices.DeleteFunc(slices.Clone(b.Images), func(image int) bool {
			_, ok := there[image]
			return ok
		})
		if len(b.Images) == 0 {
			continue
		}
		for _, image := range b.Images {
			if g := c.items[image].group; b.LateMetadata && g != 0 {
				late[g]++
			}
		}
		rest.append(c, []Batch{b})
	}
	for image, lack := range there {
		rest.laterTags += lack.Tags
		rest.laterRegions += lack.Regions
		if lack.Metadata {
			late[c.items[image].group]++
		}
	}
	for _, n := range late {
		rest.metadataCalls += ceil(n, manifest.MaxMetadataIDs)
	}
	return rest
}

// RestCalls are the writing calls that carry out the rest of a rebuild, when
// nothing fails.
func (c *Content) RestCalls(rest *Schedule, u *Unfinished) Calls {
	calls := c.Calls(rest)
	delete(calls, CreateProject)
	if !u.Update {
		delete(calls, UpdateProject)
	}
	delete(calls, CreateTag)
	calls.count(CreateTag, len(c.tags)-count(u.Tags))
	return calls
}

// Record is the number of the record that an image is made from.
func (c *Content) Record(image int) int { return c.items[image].record }

// ByRecord finds the image that is made from a record; records that another
// one stands for have none.
func (c *Content) ByRecord(record int) (image int, ok bool) {
	return slices.BinarySearchFunc(c.items, record, func(it item, record int) int { return it.record - record })
}

// creates counts what the batches of a schedule bring.
func (c *Content) creates(s *Schedule) (created Creates, bytes int64) {
	perTag := make([]int, len(c.tags))
	for _, b := range s.Batches {
		for _, image := range b.Images {
			it := &c.items[image]
			created.Images++
			created.Regions += len(it.regions)
			bytes += it.size
			if it.group != 0 {
				created.WithMetadata++
			}
			for _, u := range it.uses {
				perTag[u.tag]++
			}
		}
	}
	for i, n := range perTag {
		if n > 0 {
			created.PerTag = append(created.PerTag, TagCount{Name: c.tags[i].Name, Type: c.tags[i].Type, Images: n})
		}
	}
	return created, bytes
}

// resume plans to go on with what an earlier restore left.
func (b *builder) resume(p *Project, a *Archived) {
	u := a.Unfinished
	p.TargetName, p.TargetID = u.TargetName, u.TargetID
	p.Resume = &Resume{By: u.By, Since: u.Since, Status: u.Status, Tags: count(u.Tags), Images: len(u.Images)}
	rebuild := *p
	b.rebuild(&rebuild, a)
	switch {
	case u.By == Import:
		b.resumeImport(p, a, &rebuild)
	case rebuild.Action != Rebuild:
		*p = rebuild
	default:
		c := a.Content
		rest := c.Rest(c.Schedule(), u.Images)
		*p = rebuild
		p.Action = Continue
		p.Calls = c.RestCalls(rest, u)
		p.Creates, p.Bytes = c.creates(rest)
		p.UploadBytes = c.uploadBytes(rest)
		p.Creates.Tags = p.Calls[CreateTag]
		p.ProofCalls.Add(Calls{GetProject: 1, GetTags: 1, GetImages: u.Listed/manifest.MaxPage + 1}) // to see what is there
		p.Reason = fmt.Sprintf("a restore begun at %s was interrupted; %d of %d images are there", stamp(u.Since), len(u.Images), c.Len())
		if p.Calls.Total() == 0 {
			p.Reason = fmt.Sprintf("a restore begun at %s was interrupted; only the proof is left", stamp(u.Since))
		}
	}
}

// resumeImport waits for an import that is under way, or rebuilds after one
// that failed.
func (b *builder) resumeImport(p *Project, a *Archived, rebuild *Project) {
	begun := "an import begun at " + stamp(a.Unfinished.Since)
	if a.Unfinished.Status != manifest.StatusFailed {
		b.importing(p, a, rebuild)
		p.Action, p.Calls = Continue, nil
		p.Reason = begun + " was not seen to its end"
		return
	}
	if b.opt.Mode == ModeImport || rebuild.Action != Rebuild {
		*p = Project{ID: p.ID, Name: p.Name, Type: p.Type, TargetName: p.TargetName, TargetID: p.TargetID, Resume: p.Resume}
		p.block(begun+" failed", "use --mode auto or rebuild with an archive that has the content, or delete the project in the target")
		return
	}
	b.importing(p, a, rebuild)
	p.Action, p.Calls = Continue, Calls{UpdateProject: 1} // moves it aside
	p.Calls.Add(rebuild.Calls)
	p.ProofCalls, p.Bytes, p.UploadBytes, p.Creates = rebuild.ProofCalls, rebuild.Bytes, rebuild.UploadBytes, rebuild.Creates
	p.NotCarried, p.Notes = rebuild.NotCarried, rebuild.Notes
	p.Fallback = &Fallback{Calls: rebuild.Calls, Bytes: rebuild.Bytes}
	p.Domain, p.Settings, p.Transfer = rebuild.Domain, rebuild.Settings, rebuild.Transfer
	p.Reason = begun + " failed; it is moved aside and the project is rebuilt from the content"
}

func count(there []bool) (n int) {
	for _, t := range there {
		if t {
			n++
		}
	}
	return n
}
