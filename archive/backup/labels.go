package backup

import (
	"crypto/sha256"
	"hash"
	"io"
	"slices"
	"strings"

	"cvarchive/manifest"
)

// labels is what one pass over the workspace saw of tags and regions. A tag
// put on one image and taken off another while the pages are read shows in no
// count of images: the pages are then of different states, and the whole is
// none that the project ever had.
type labels struct {
	seen   hash.Hash      // of every image with its labels, in the order of the list
	tagged map[string]int // images by tag
}

func newLabels() *labels { return &labels{seen: sha256.New(), tagged: map[string]int{}} }

// see takes note of one image.
func (l *labels) see(img *manifest.Image) {
	var marks []string
	for _, t := range img.Tags {
		id := strings.ToLower(t.TagID)
		l.tagged[id]++
		marks = append(marks, "t"+id)
	}
	for _, r := range img.Regions {
		marks = append(marks, strings.Join([]string{
			"r" + r.ID, strings.ToLower(r.TagID), r.Left.String(), r.Top.String(), r.Width.String(), r.Height.String(),
		}, " "))
	}
	slices.Sort(marks)
	_, _ = io.WriteString(l.seen, img.ID+" "+strings.Join(marks, ",")+"\n") // a hash takes everything
}

// agree reports whether the images carry the tags that the tags themselves
// were said to have, before the images were listed.
func (l *labels) agree(tags []manifest.Tag) bool {
	for i := range tags {
		if l.tagged[strings.ToLower(tags[i].ID)] != tags[i].ImageCount {
			return false
		}
	}
	return true
}

// equal reports whether two passes saw the same. What did not change from one
// to the other is a state that the project had in between.
func (l *labels) equal(other *labels) bool {
	return string(l.seen.Sum(nil)) == string(other.seen.Sum(nil))
}
