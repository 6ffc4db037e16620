package simulator

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// imageList is an answer that lists images: what a [wireImage] of each would
// be as JSON, written without one. A page is worked out when it is sent, so
// that nobody waits for the service's lock meanwhile; images and tags are
// never changed in place.
type imageList struct {
	c         *call
	container string // of the links
	images    []*image
	tags      []*tag
}

// listOf is the answer that lists these images. The caller holds the
// service's lock.
func (c *call) listOf(images []*image, s scope) imageList {
	return imageList{c, c.container(), images, slices.Clone(s.tags)}
}

// appendJSON implements [appender].
func (l imageList) appendJSON(b []byte) []byte {
	b = slices.Grow(b, 1024*len(l.images)+2)
	b = append(b, '[')
	for i, im := range l.images {
		if i > 0 {
			b = append(b, ',')
		}
		b = l.appendImage(b, im)
	}
	return append(b, ']')
}

func (l imageList) appendImage(b []byte, im *image) []byte {
	resized, thumbnail, original := l.c.imageLinks(l.container, im)
	b = appendString(append(b, `{"id":`...), im.ID)
	b = stamp(im.Created).appendJSON(append(b, `,"created":`...))
	b = strconv.AppendInt(append(b, `,"width":`...), int64(im.Width), 10)
	b = strconv.AppendInt(append(b, `,"height":`...), int64(im.Height), 10)
	b = appendString(append(b, `,"resizedImageUri":`...), resized)
	b = appendString(append(b, `,"thumbnailUri":`...), thumbnail)
	b = appendString(append(b, `,"originalImageUri":`...), original)
	b = l.appendTags(append(b, `,"tags":`...), im.Tags)
	b = l.appendRegions(b, im.Regions)
	return append(appendMetadata(b, im.Metadata), '}')
}

func (l imageList) appendTags(b []byte, tags []imageTag) []byte {
	if len(tags) == 0 {
		return append(b, "null"...)
	}
	open := `[{"tagId":`
	for _, t := range tags {
		b = appendString(append(b, open...), t.TagID)
		b = l.appendTagName(append(b, `,"tagName":`...), t.TagID)
		b = append(stamp(t.Created).appendJSON(append(b, `,"created":`...)), '}')
		open = `,{"tagId":`
	}
	return append(b, ']')
}

// appendRegions leaves an empty list out.
func (l imageList) appendRegions(b []byte, regions []region) []byte {
	if len(regions) == 0 {
		return b
	}
	open := `,"regions":[{"regionId":`
	for _, r := range regions {
		b = appendString(append(b, open...), r.ID)
		b = l.appendTagName(append(b, `,"tagName":`...), r.TagID)
		b = stamp(r.Created).appendJSON(append(b, `,"created":`...))
		b = appendString(append(b, `,"tagId":`...), r.TagID)
		b = num(r.Left).appendJSON(append(b, `,"left":`...))
		b = num(r.Top).appendJSON(append(b, `,"top":`...))
		b = num(r.Width).appendJSON(append(b, `,"width":`...))
		b = append(num(r.Height).appendJSON(append(b, `,"height":`...)), '}')
		open = `,{"regionId":`
	}
	return append(b, ']')
}

func (l imageList) appendTagName(b []byte, id string) []byte {
	if t := findTag(l.tags, id); t != nil {
		return appendString(b, t.Name)
	}
	return append(b, "null"...)
}

// appendMetadata leaves an empty map out.
func appendMetadata(b []byte, metadata map[string]string) []byte {
	if len(metadata) == 0 {
		return b
	}
	open := `,"metadata":{`
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		b = appendString(append(b, open...), key)
		b = appendString(append(b, ':'), metadata[key])
		open = ","
	}
	return append(b, '}')
}

// appendString writes a text as encoding/json does, which escapes ampersands,
// and leaves what is more unusual to it.
func appendString(b []byte, text string) []byte {
	start := len(b)
	b = append(b, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '&':
			b = append(b, `\u0026`...)
		case c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>':
			quoted, err := json.Marshal(text)
			if err != nil {
				panic(err) // a string can always be encoded
			}
			return append(b[:start], quoted...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
