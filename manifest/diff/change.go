package diff

import "fmt"

// Kind says what differs. The values are stable and part of the JSON form.
type Kind string

// Kinds of changes, as seen from the wanted side.
const (
	Setting       Kind = "setting"        // a setting has another value
	TagMissing    Kind = "tag-missing"    // a tag is not there
	TagExtra      Kind = "tag-extra"      // a tag is there that should not be
	TagChanged    Kind = "tag-changed"    // type, description or image count of a tag
	ImageMissing  Kind = "image-missing"  // an image is not there
	ImageExtra    Kind = "image-extra"    // an image is there that should not be
	ImageTags     Kind = "image-tags"     // an image carries other tags
	ImageRegions  Kind = "image-regions"  // an image carries other regions
	ImageMetadata Kind = "image-metadata" // an image carries other metadata
	ImageSize     Kind = "image-size"     // an image has other dimensions
	ImageContent  Kind = "image-content"  // an image has the same labels but other bytes
	ImageCount    Kind = "image-count"    // the numbers of images differ
)

// Change is one difference.
type Change struct {
	Kind Kind `json:"kind"`
	// Item names what differs: a setting, a tag, or the id of an image on
	// the wanted side (for an extra image, on the other).
	Item string `json:"item"`
	// Field is the part of a tag that differs; empty elsewhere.
	Field string `json:"field,omitempty"`
	// Want and Got are both sides' values for people; empty: not there.
	Want string `json:"want,omitempty"`
	Got  string `json:"got,omitempty"`
	// OtherID is the id of the paired image on the other side.
	OtherID string `json:"otherId,omitempty"`
	// Text says all of it in one line, as [Change.String] does.
	Text string `json:"text"`
}

// String says the change in one line.
func (c Change) String() string {
	switch c.Kind {
	case Setting:
		return fmt.Sprintf("setting %s is %s, archived %s", c.Item, shown(c.Got), shown(c.Want))
	case TagMissing:
		return fmt.Sprintf("tag %q is missing", c.Item)
	case TagExtra:
		return fmt.Sprintf("tag %q is not in the archive", c.Item)
	case TagChanged:
		return fmt.Sprintf("tag %q: %s is %s, archived %s", c.Item, c.Field, shown(c.Got), shown(c.Want))
	case ImageMissing:
		return fmt.Sprintf("image %s is missing (%s)", c.Item, c.Want)
	case ImageExtra:
		return fmt.Sprintf("image %s is not in the archive (%s)", c.Item, c.Got)
	case ImageCount:
		return fmt.Sprintf("%s images, archived %s", c.Got, c.Want)
	default:
		return fmt.Sprintf("image %s: %s %s, archived %s", c.Item, imageField[c.Kind], shown(c.Got), shown(c.Want))
	}
}

var imageField = map[Kind]string{
	ImageTags: "tags", ImageRegions: "regions", ImageMetadata: "metadata",
	ImageSize: "size", ImageContent: "content",
}

func shown(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Result is the outcome of a comparison.
type Result struct {
	// Changes are in the order settings, tags, images; at most
	// [Options.MaxChanges].
	Changes []Change `json:"changes,omitempty"`
	// Omitted counts the differences beyond that.
	Omitted int `json:"omitted,omitempty"`
	// Images counts the images of the other side that were looked at;
	// Matched those that have an equal on the wanted side.
	Images  int `json:"images"`
	Matched int `json:"matched"`
	// ByContent counts the matches that rest on a content digest of both
	// sides, not on the record alone.
	ByContent int `json:"byContent"`

	max int
}

// Equal reports whether nothing differs.
func (r *Result) Equal() bool { return len(r.Changes) == 0 && r.Omitted == 0 }

func (r *Result) add(c Change) {
	c.Text = c.String()
	if len(r.Changes) >= r.max {
		r.Omitted++
		return
	}
	r.Changes = append(r.Changes, c)
}
