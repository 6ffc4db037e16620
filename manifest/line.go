package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
)

// imageLine is a line of images.jsonl as package json reads it: with the lists
// that [AppendImage] writes, or with the objects that the first archives have,
// each on its own.
type imageLine struct {
	ID         string            `json:"id"`
	Created    Timestamp         `json:"created"`
	Width      int               `json:"width"`
	Height     int               `json:"height"`
	Tags       []lineTag         `json:"tags"`
	Regions    []lineRegion      `json:"regions"`
	Metadata   map[string]string `json:"metadata"`
	Iterations []string          `json:"iterations"`
	Blob       string            `json:"blob"`
	Object     *lineObject       `json:"object"`
	Failure    *Failure          `json:"failure"`
}

// image is what the line says.
func (l *imageLine) image() (img Image, err error) {
	img = Image{
		ID: withDashes(l.ID), Created: l.Created, Width: l.Width, Height: l.Height,
		Metadata: l.Metadata, Iterations: l.Iterations, Blob: l.Blob, Object: (*Object)(l.Object), Failure: l.Failure,
	}
	for i, id := range l.Iterations {
		l.Iterations[i] = withDashes(id)
	}
	for i := range l.Tags {
		t := l.Tags[i].ImageTag
		t.TagID = withDashes(t.TagID)
		if t.Created, err = l.Tags[i].when.resolve(t.Created, img.Created); err != nil {
			return img, fmt.Errorf("tags[%d]: %w", i, err)
		}
		img.Tags = append(img.Tags, t)
	}
	for i := range l.Regions {
		r, err := l.Regions[i].region(&img)
		if err != nil {
			return img, fmt.Errorf("regions[%d]: %w", i, err)
		}
		img.Regions = append(img.Regions, r)
	}
	return img, nil
}

// withDashes is the usual form of an id that lacks its dashes, and any other
// text as it is.
func withDashes(id string) string {
	if len(id) != 32 || !lowerHex([]byte(id)) {
		return id
	}
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

// lineWhen is a timestamp, or the seconds from another one; nil: neither.
type lineWhen json.RawMessage

// resolve returns the timestamp: said, where there is nothing else.
func (w lineWhen) resolve(said, base Timestamp) (t Timestamp, err error) {
	switch {
	case w == nil:
		return said, nil
	case w[0] == '"' || w[0] == 'n':
		return t, json.Unmarshal(w, &t)
	}
	text, ok := base.after(nil, w)
	if !ok {
		return t, fmt.Errorf("%s is no number of seconds after %s", quote(string(w)), quote(string(base)))
	}
	return Timestamp(text), nil
}

type lineTag struct {
	ImageTag
	when lineWhen
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *lineTag) UnmarshalJSON(data []byte) error {
	if data[0] != '[' {
		return json.Unmarshal(data, &t.ImageTag)
	}
	list, err := lineList(data, "tag", 2, &t.TagName)
	if err != nil {
		return err
	}
	t.when = lineWhen(list[1])
	return json.Unmarshal(list[0], &t.TagID)
}

type lineRegion struct {
	Region
	tag  json.RawMessage // an index or an id; nil: it is in Region
	when lineWhen
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *lineRegion) UnmarshalJSON(data []byte) error {
	if data[0] != '[' {
		return r.fields(data)
	}
	list, err := lineList(data, "region", 7, &r.TagName)
	if err != nil {
		return err
	}
	r.tag, r.when = list[0], lineWhen(list[2])
	return errors.Join(json.Unmarshal(list[1], &r.ID),
		json.Unmarshal(list[3], &r.Left), json.Unmarshal(list[4], &r.Top),
		json.Unmarshal(list[5], &r.Width), json.Unmarshal(list[6], &r.Height))
}

// fields reads a region that is an object, whose coordinates are fields of
// their own or one list, "box".
func (r *lineRegion) fields(data []byte) error {
	in := struct {
		*Region
		Box []json.Number `json:"box"`
	}{Region: &r.Region}
	if err := json.Unmarshal(data, &in); err != nil || in.Box == nil {
		return err
	}
	if len(in.Box) != 4 || r.Left+r.Top+r.Width+r.Height != "" {
		return errors.New("a region's box is not four numbers, or not all that says where the region is")
	}
	r.Left, r.Top, r.Width, r.Height = in.Box[0], in.Box[1], in.Box[2], in.Box[3]
	return nil
}

// region is the region of an image whose tags are known.
func (r *lineRegion) region(img *Image) (Region, error) {
	out, base := r.Region, img.Created
	switch {
	case r.tag == nil:
	case r.tag[0] == '"':
		if err := json.Unmarshal(r.tag, &out.TagID); err != nil {
			return out, err
		}
	default:
		at, ok := tagIndex(r.tag, img)
		if !ok {
			return out, fmt.Errorf("%s is the index of no tag of the image", quote(string(r.tag)))
		}
		out.TagID, base = img.Tags[at].TagID, img.Tags[at].Created
	}
	out.TagID, out.ID = withDashes(out.TagID), withDashes(out.ID)
	var err error
	out.Created, err = r.when.resolve(out.Created, base)
	return out, err
}

// tagIndex reads the index of a tag of an image.
func tagIndex(text []byte, img *Image) (n int, ok bool) {
	if len(text) == 0 || len(text) > 9 || digits(text) != len(text) || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	n = int(value10(text))
	return n, n < len(img.Tags)
}

type lineObject Object

// UnmarshalJSON implements [json.Unmarshaler].
func (o *lineObject) UnmarshalJSON(data []byte) error {
	if data[0] != '[' {
		return json.Unmarshal(data, (*Object)(o))
	}
	list, err := lineList(data, "object", 3, nil)
	if err != nil {
		return err
	}
	return errors.Join(json.Unmarshal(list[0], &o.SHA256), json.Unmarshal(list[1], &o.Size), json.Unmarshal(list[2], &o.Ext))
}

// lineList reads a list of n values, and one more if there is text at its end
// to be read.
func lineList(data []byte, what string, n int, last *string) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	if last != nil && len(list) == n+1 {
		return list, json.Unmarshal(list[n], last)
	}
	if len(list) != n {
		return nil, fmt.Errorf("a list of %d for the %s, not of %d", len(list), what, n)
	}
	return list, nil
}
