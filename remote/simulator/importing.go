package simulator

import (
	"maps"
	"time"

	"github.com/google/uuid"
)

// States of an import.
const (
	importRunning = "running"
	importDone    = "done"
	importFailed  = "failed"
)

// importing is how far the import of a project has come. Content arrives
// evenly over its time; nothing runs in the background, see settle.
type importing struct {
	State         string
	Resource      string   // the region that is read
	Source        *project `json:",omitempty"` // what is read; nil once ended
	Started, Ends time.Time
	Unreadable    bool              `json:",omitempty"` // the region was down from the start
	NewIDs        map[string]string `json:",omitempty"` // ids of the source → ids here
}

// id gives what had an id at the source the same new id every time.
func (i *importing) id(old string) string {
	if i.NewIDs[old] == "" {
		i.NewIDs[old] = uuid.NewString()
	}
	return i.NewIDs[old]
}

// settle brings a project's import up to the given time and reports whether
// anything changed.
func (p *project) settle(now time.Time, dropMetadata bool) bool {
	imp := p.Import
	if imp == nil || imp.State != importRunning {
		return false
	}
	whole, passed := imp.Ends.Sub(imp.Started), now.Sub(imp.Started)
	if imp.Unreadable {
		if passed < whole/2 {
			return false
		}
		imp.end(importFailed)
		return true
	}
	share := 1.0
	if passed < whole {
		share = max(0, float64(passed)/float64(whole))
	}
	p.receive(share, dropMetadata)
	if share == 1 {
		p.receiveIterations(dropMetadata)
		imp.end(importDone)
		p.Modified = imp.Ends
	}
	return true
}

func (i *importing) end(state string) { i.State, i.Source, i.NewIDs = state, nil, nil }

// receive brings in the given share of the source's tags and images.
func (p *project) receive(share float64, dropMetadata bool) {
	src := p.Import.Source
	for _, t := range src.Tags[:int(share*float64(len(src.Tags)))] {
		p.receiveTag(t)
	}
	for _, id := range src.Workspace.order[:int(share*float64(src.Workspace.len()))] {
		if p.Workspace.get(p.Import.id(id)) == nil {
			p.Workspace.put(p.receiveImage(src.Workspace.get(id), dropMetadata))
		}
	}
}

func (p *project) receiveTag(t *tag) *tag {
	id := p.Import.id(t.ID)
	if have := p.tag(id); have != nil {
		return have
	}
	c := *t
	c.ID = id
	p.Tags = append(p.Tags, &c)
	return &c
}

// receiveImage copies an image, and makes sure that the tags on it are there.
func (p *project) receiveImage(im *image, dropMetadata bool) *image {
	for _, it := range im.Tags {
		if t := p.Import.Source.tag(it.TagID); t != nil {
			p.receiveTag(t)
		}
	}
	return p.copyImage(im, dropMetadata)
}

// copyImage copies an image under new ids.
func (p *project) copyImage(im *image, dropMetadata bool) *image {
	imp := p.Import
	c := im.edit()
	c.ID, c.Created = imp.id(im.ID), imp.Started
	if dropMetadata {
		c.Metadata = nil
	}
	for i := range c.Tags {
		c.Tags[i] = imageTag{TagID: imp.id(c.Tags[i].TagID), Created: imp.Started}
	}
	for i := range c.Regions {
		r := &c.Regions[i]
		r.ID, r.TagID, r.Created = imp.id(r.ID), imp.id(r.TagID), imp.Started
	}
	return c
}

// receiveIterations brings in trained models with their performance. They are
// not published here, but remember where they were.
func (p *project) receiveIterations(dropMetadata bool) {
	imp := p.Import
	p.Numbered = imp.Source.Numbered
	for _, it := range imp.Source.Iterations {
		c := *it
		c.ID, c.PublishName, c.Exports = imp.id(it.ID), "", nil
		c.Tags = nil
		for _, t := range it.Tags {
			moved := *t
			moved.ID = imp.id(t.ID)
			c.Tags = append(c.Tags, &moved)
		}
		c.Images = newImageSet()
		for im := range it.Images.all {
			c.Images.put(p.copyImage(im, dropMetadata))
		}
		p.Iterations = append(p.Iterations, &c)
	}
	if next := imp.Source.Next; next != nil {
		c := *next
		c.ID, c.Created, c.Modified = imp.id(next.ID), imp.Started, imp.Started
		p.Next = &c
	}
}

// failImportsFrom ends the imports that read from a region which goes down,
// with what has arrived so far. The caller holds the lock.
func (s *Service) failImportsFrom(resource string) {
	now := s.now()
	for _, r := range s.resources {
		for _, p := range r.projects {
			if p.Import == nil || p.Import.State != importRunning || p.Import.Resource != resource {
				continue
			}
			p.settle(now, r.opt.ImportDropsMetadata)
			if p.Import.State == importRunning {
				p.Import.end(importFailed)
			}
			s.dirty = true
		}
	}
}

// forget drops exports whose tokens have long expired. The caller holds the
// lock.
func (s *Service) forget(now time.Time) {
	maps.DeleteFunc(s.snapshots, func(_ string, snap *snapshot) bool { return now.Sub(snap.Expires) > 7*24*time.Hour })
}
