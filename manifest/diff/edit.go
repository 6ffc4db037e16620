package diff

import (
	"fmt"
	"strings"
)

// Op says what happened to a thing between two states. The values are stable
// and part of the JSON form.
type Op string

// What can happen to a thing.
const (
	Added   Op = "added"
	Removed Op = "removed"
	Changed Op = "changed"
)

// Sign is the symbol of an operation: + - ~.
func (o Op) Sign() string {
	switch o {
	case Added:
		return "+"
	case Removed:
		return "-"
	default:
		return "~"
	}
}

// What an [Edit] is about.
const (
	OfName      = "name"
	OfSetting   = "setting"
	OfTag       = "tag"
	OfIteration = "iteration"
	OfImage     = "image"
)

// Edit is one difference between two states of a project.
type Edit struct {
	Op   Op     `json:"op"`
	What string `json:"what"` // name, setting, tag, iteration or image
	// ID is the service's, where both states know the thing by it.
	ID string `json:"id,omitempty"`
	// Name is that of the setting, tag or iteration; of a renamed one, the
	// old name.
	Name string `json:"name,omitempty"`
	// Field is the part of the thing that changed.
	Field string `json:"field,omitempty"`
	// Old and New are both values for people; empty: not there.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// String says the edit in one line, without its sign.
func (e Edit) String() string {
	thing := e.What
	switch {
	case e.Name != "" && e.What == OfSetting:
		thing += " " + e.Name
	case e.Name != "":
		thing += fmt.Sprintf(" %q", e.Name)
	case e.ID != "":
		thing += " " + e.ID
	}
	switch {
	case e.Op == Added:
		return about(thing, e.New)
	case e.Op == Removed:
		return about(thing, e.Old)
	case e.Field == "name":
		return fmt.Sprintf("%s is now %q", thing, e.New)
	case e.Field != "":
		thing += ": " + e.Field
	default:
		thing += ":"
	}
	return fmt.Sprintf("%s %s → %s", thing, shown(e.Old), shown(e.New))
}

func about(thing, details string) string {
	if details == "" {
		return thing
	}
	return thing + " (" + details + ")"
}

// ImageTally counts what happened to the images of a project. One changed
// image may count in several of the parts.
type ImageTally struct {
	Old     int `json:"old"` // images of the old state
	New     int `json:"new"` // images of the new state
	Added   int `json:"added"`
	Removed int `json:"removed"`
	Changed int `json:"changed"`
	// Parts of Changed.
	Retagged int `json:"retagged,omitempty"`
	Regions  int `json:"regions,omitempty"`
	Metadata int `json:"metadata,omitempty"`
	Content  int `json:"content,omitempty"` // other bytes or dimensions
	// Unpaired counts images that differ and were too many to say how.
	Unpaired int `json:"unpaired,omitempty"`
}

// Equal reports whether no image differs, as far as the tally knows.
func (t ImageTally) Equal() bool {
	return t.Old == t.New && t.Added+t.Removed+t.Changed+t.Unpaired == 0
}

// Add adds another tally.
func (t *ImageTally) Add(o ImageTally) {
	t.Old += o.Old
	t.New += o.New
	t.Added += o.Added
	t.Removed += o.Removed
	t.Changed += o.Changed
	t.Retagged += o.Retagged
	t.Regions += o.Regions
	t.Metadata += o.Metadata
	t.Content += o.Content
	t.Unpaired += o.Unpaired
}

// History is what happened to a project between two states.
type History struct {
	// Edits are those of the name, settings, tags and iterations, in this
	// order.
	Edits  []Edit     `json:"edits,omitempty"`
	Images ImageTally `json:"images"`
	// ImageEdits are at most as many as were asked for; the tally counts
	// all.
	ImageEdits []Edit `json:"imageEdits,omitempty"`
}

// Equal reports whether nothing happened.
func (h *History) Equal() bool { return len(h.Edits) == 0 && h.Images.Equal() }

// HistoryOf rephrases a comparison by names as what happened between its
// wanted side, the old state, and the other. Of the edits of images, at most
// maxImages are kept.
func HistoryOf(r *Result, old, new int, maxImages int) *History {
	h := &History{Images: ImageTally{Old: old, New: new, Unpaired: r.Omitted}}
	pair := "" // changes of one pair of images follow each other
	for _, c := range r.Changes {
		e := Edit{Op: Changed, Field: c.Field, Old: c.Want, New: c.Got}
		switch c.Kind {
		case Setting:
			e.What, e.Name = OfSetting, c.Item
		case TagMissing, TagExtra, TagChanged:
			e.What, e.Name = OfTag, c.Item
		case ImageCount:
			continue // the tally says it
		default:
			e.What, e.ID = OfImage, c.Item
		}
		switch c.Kind {
		case TagMissing:
			e.Op = Removed
		case TagExtra:
			e.Op = Added
		case ImageMissing:
			e.Op = Removed
			h.Images.Removed++
		case ImageExtra:
			e.Op = Added
			h.Images.Added++
		case ImageTags, ImageRegions, ImageMetadata, ImageSize, ImageContent:
			e.Field = imageField[c.Kind]
			if p := c.Item + "\x00" + c.OtherID; p != pair {
				pair = p
				h.Images.Changed++
			}
			h.Images.part(c.Kind)
		}
		if e.What != OfImage {
			h.Edits = append(h.Edits, e)
		} else if len(h.ImageEdits) < maxImages {
			h.ImageEdits = append(h.ImageEdits, e)
		}
	}
	return h
}

func (t *ImageTally) part(k Kind) {
	switch k {
	case ImageTags:
		t.Retagged++
	case ImageRegions:
		t.Regions++
	case ImageMetadata:
		t.Metadata++
	default:
		t.Content++
	}
}

// Parts says how often each part of the images changed, for people.
func (t ImageTally) Parts() string {
	var s []string
	say := func(n int, what string) {
		if n > 0 {
			s = append(s, fmt.Sprintf("%d %s", n, what))
		}
	}
	say(t.Retagged, "retagged")
	say(t.Regions, "with other regions")
	say(t.Metadata, "with other metadata")
	say(t.Content, "with other content")
	return strings.Join(s, ", ")
}
