package backup

import (
	"crypto/sha256"
	"hash"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"cvarchive/manifest"
)

// labels is what one pass over the workspace saw of what people change about
// images: tags, regions and metadata. A tag put on one image and taken off
// another while the pages are read shows in no count of images: the pages are
// then of different states, and the whole is none that the project ever had.
type labels struct {
	seen   hash.Hash         // of every image with its labels, in the order of the list
	tagged map[string]int    // images by tag
	names  map[string]string // of the tags, as the images give them
	torn   bool              // one tag was seen under two names
	newest time.Time         // of all that was created: images, tags on them, regions
}

func newLabels() *labels {
	return &labels{seen: sha256.New(), tagged: map[string]int{}, names: map[string]string{}}
}

// see takes note of one image.
func (l *labels) see(img *manifest.Image) {
	marks := make([]string, 0, len(img.Tags)+len(img.Regions)+len(img.Metadata))
	l.date(img.Created)
	for _, t := range img.Tags {
		id := strings.ToLower(t.TagID)
		l.tagged[id]++
		l.name(id, t.TagName)
		l.date(t.Created)
		marks = append(marks, "tag "+id)
	}
	for _, r := range img.Regions {
		l.date(r.Created)
		marks = append(marks, strings.Join([]string{
			"region", r.ID, strings.ToLower(r.TagID), r.Left.String(), r.Top.String(), r.Width.String(), r.Height.String(),
		}, " "))
	}
	slices.Sort(marks)
	for _, key := range slices.Sorted(maps.Keys(img.Metadata)) {
		marks = append(marks, "metadata "+strconv.Quote(key)+strconv.Quote(img.Metadata[key]))
	}
	_, _ = io.WriteString(l.seen, img.ID+" "+strings.Join(marks, ",")+"\n") // a hash takes everything
}

// name takes note of how an image calls a tag; not all answers do.
func (l *labels) name(id, name string) {
	if name == "" {
		return
	}
	if before, known := l.names[id]; known && before != name {
		l.torn = true
	}
	l.names[id] = name
}

func (l *labels) date(t manifest.Timestamp) {
	if at, err := t.Time(); err == nil && at.After(l.newest) {
		l.newest = at
	}
}

// agree reports whether the images carry the tags that the tags themselves
// were said to have, before the images were listed, and by their names.
func (l *labels) agree(tags []manifest.Tag) bool {
	known := make(map[string]bool, len(tags))
	for i := range tags {
		id := strings.ToLower(tags[i].ID)
		known[id] = true
		if name := l.names[id]; l.tagged[id] != tags[i].ImageCount || name != "" && name != tags[i].Name {
			return false
		}
	}
	for id := range l.tagged {
		if !known[id] {
			return false
		}
	}
	return !l.torn
}

// equal reports whether two passes saw the same. What did not change from one
// to the other is a state that the project had in between.
func (l *labels) equal(other *labels) bool {
	return string(l.seen.Sum(nil)) == string(other.seen.Sum(nil))
}
