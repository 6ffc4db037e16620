package simulator

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The types of this file are the service's state. They are written to the
// state folder as JSON by their field names. Images are immutable: a change
// puts a changed copy in place, so that iterations and exports can share
// them.

type project struct {
	ID, Name, Description string
	DomainID              string
	Classification        string `json:",omitempty"` // empty for detection
	Platforms             []string
	Augmentation          map[string]bool
	ExportContainer       string `json:",omitempty"` // where the service would put exported models
	NotificationQueue     string `json:",omitempty"`
	Created, Modified     time.Time
	DR                    bool `json:",omitempty"`
	Tags                  []*tag
	Workspace             *imageSet
	Iterations            []*iteration // training or trained, oldest first
	Next                  *iteration   `json:",omitempty"` // the workspace, when changed since the last training
	Numbered              int          // iterations named so far
	Import                *importing   `json:",omitempty"`
}

type tag struct {
	ID, Name, Type string
	Description    *string `json:",omitempty"`
}

// Tag types.
const (
	tagRegular  = "Regular"
	tagNegative = "Negative"
	tagProduct  = "GeneralProduct"
)

// Project types and classifiers.
const (
	typeClassification = "Classification"
	typeDetection      = "ObjectDetection"
	multiclass         = "Multiclass"
	multilabel         = "Multilabel"
)

type image struct {
	ID            string
	Created       time.Time
	Width, Height int     // of the resized image
	Resized       bool    `json:",omitempty"` // whether the resized image differs from the original
	Original      blobRef // the uploaded bytes
	Tags          []imageTag
	Regions       []region          `json:",omitempty"`
	Metadata      map[string]string `json:",omitempty"`
}

type imageTag struct {
	TagID   string
	Created time.Time
}

type region struct {
	ID, TagID                string
	Created                  time.Time
	Left, Top, Width, Height float32
}

type iteration struct {
	ID, Name           string
	Created, Modified  time.Time
	ReadyAt            time.Time // when training ends; zero for the workspace
	DomainID           string
	Classification     string `json:",omitempty"`
	TrainingType       string
	Budget             int    `json:",omitempty"`
	PublishName        string `json:",omitempty"`
	OriginalPublishID  string `json:",omitempty"`
	Tags               []*tag
	Images             *imageSet     `json:",omitempty"`
	Exports            []modelExport `json:",omitempty"`
	TrainingTimeInMins int
}

type modelExport struct {
	Platform, Flavor, Name string
	ReadyAt                time.Time
	Blob                   blobRef
}

func (it *iteration) trained(now time.Time) bool {
	return !it.ReadyAt.IsZero() && !now.Before(it.ReadyAt)
}

func (it *iteration) status(now time.Time) string {
	switch {
	case it.ReadyAt.IsZero():
		return "New"
	case now.Before(it.ReadyAt):
		return "Training"
	default:
		return "Completed"
	}
}

func (p *project) domain() domain { return domainsByID[p.DomainID] }

func (p *project) detection() bool { return p.domain().Type == typeDetection }

func (p *project) tag(id string) *tag { return findTag(p.Tags, id) }

func findTag(tags []*tag, id string) *tag {
	if i := slices.IndexFunc(tags, func(t *tag) bool { return t.ID == id }); i >= 0 {
		return tags[i]
	}
	return nil
}

// iteration finds an iteration by id, the workspace's included.
func (p *project) iteration(id string) *iteration {
	if p.Next != nil && p.Next.ID == id {
		return p.Next
	}
	if i := slices.IndexFunc(p.Iterations, func(it *iteration) bool { return it.ID == id }); i >= 0 {
		return p.Iterations[i]
	}
	return nil
}

func (p *project) training(now time.Time) bool {
	return slices.ContainsFunc(p.Iterations, func(it *iteration) bool { return !it.trained(now) })
}

// changed notes that the workspace's content is not that of the last
// training any more.
func (p *project) changed(now time.Time) {
	p.Modified = now
	if p.Next == nil && (p.Workspace.len() > 0 || len(p.Iterations) > 0) {
		p.Numbered++
		p.Next = &iteration{
			ID: uuid.NewString(), Name: iterationName(p.Numbered), Created: now, Modified: now, TrainingType: "Regular",
		}
	}
}

// imageSet is the images of a workspace or an iteration, oldest first.
type imageSet struct {
	order  []string
	byID   map[string]*image
	byHash map[string]string // SHA-256 of the original → id
}

func newImageSet(images ...*image) *imageSet {
	s := &imageSet{byID: map[string]*image{}, byHash: map[string]string{}}
	for _, im := range images {
		s.put(im)
	}
	return s
}

func (s *imageSet) len() int { return len(s.order) }

func (s *imageSet) get(id string) *image {
	if s == nil {
		return nil
	}
	return s.byID[id]
}

// put adds an image, or puts a changed one in the place of the old.
func (s *imageSet) put(im *image) {
	if _, ok := s.byID[im.ID]; !ok {
		s.order = append(s.order, im.ID)
	}
	s.byID[im.ID] = im
	s.byHash[im.Original.Hash] = im.ID
}

func (s *imageSet) remove(ids map[string]bool) {
	for id := range ids {
		if im := s.byID[id]; im != nil {
			delete(s.byHash, im.Original.Hash)
			delete(s.byID, id)
		}
	}
	s.order = slices.DeleteFunc(s.order, func(id string) bool { return ids[id] })
}

// all yields the images, oldest first.
func (s *imageSet) all(yield func(*image) bool) {
	for _, id := range s.order {
		if !yield(s.byID[id]) {
			return
		}
	}
}

func (s *imageSet) clone() *imageSet {
	return &imageSet{order: slices.Clone(s.order), byID: maps.Clone(s.byID), byHash: maps.Clone(s.byHash)}
}

// MarshalJSON writes an empty set as an empty list: a null would come back as
// no set at all.
func (s *imageSet) MarshalJSON() ([]byte, error) {
	return json.Marshal(slices.AppendSeq([]*image{}, s.all))
}

func (s *imageSet) UnmarshalJSON(data []byte) error {
	var images []*image
	if err := json.Unmarshal(data, &images); err != nil {
		return err
	}
	*s = *newImageSet(images...)
	return nil
}

// edit returns a copy of the image that may be changed.
func (im *image) edit() *image {
	c := *im
	c.Tags, c.Regions, c.Metadata = slices.Clone(im.Tags), slices.Clone(im.Regions), maps.Clone(im.Metadata)
	return &c
}

func (im *image) hasTag(id string) bool {
	return slices.ContainsFunc(im.Tags, func(t imageTag) bool { return t.TagID == id })
}

func (im *image) addTag(id string, now time.Time) {
	if !im.hasTag(id) {
		im.Tags = append(im.Tags, imageTag{TagID: id, Created: now})
	}
}

// removeTag takes a tag and its regions off the image.
func (im *image) removeTag(id string) {
	im.Tags = slices.DeleteFunc(im.Tags, func(t imageTag) bool { return t.TagID == id })
	im.Regions = slices.DeleteFunc(im.Regions, func(r region) bool { return r.TagID == id })
}

// bare is an id without dashes, as blob names have it.
func bare(id string) string { return strings.ReplaceAll(id, "-", "") }

// isBare reports whether the text is the id without dashes.
func isBare(text, id string) bool {
	for part := range strings.SplitSeq(id, "-") {
		var ok bool
		if text, ok = strings.CutPrefix(text, part); !ok {
			return false
		}
	}
	return text == ""
}
