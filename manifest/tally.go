package manifest

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"strconv"
)

// ObjectDigest makes an [ObjectList] from the objects that are named, in the
// order in which the archive names them. The zero value is ready.
type ObjectDigest struct {
	list ObjectList
	hash hash.Hash
	line []byte
}

// Add takes note of one mention.
func (d *ObjectDigest) Add(o Object) {
	d.line = o.AppendLine(d.line[:0])
	d.AddLines(d.line, 1, o.Size)
}

// AddLines takes note of as many mentions as count says, whose objects have
// so many bytes together, and whose lines have been made before with
// [Object.AppendLine], one after the other.
func (d *ObjectDigest) AddLines(lines []byte, count, bytes int64) {
	if d.hash == nil {
		d.hash = sha256.New()
	}
	d.hash.Write(lines)
	d.list.Count += count
	d.list.Bytes += bytes
}

// Sum returns the list so far.
func (d *ObjectDigest) Sum() ObjectList {
	l := d.list
	if d.hash == nil {
		l.Digest = sha256.Sum256(nil)
	} else {
		d.hash.Sum(l.Digest[:0])
	}
	return l
}

// AppendLine appends the object's line of the object list, newline included.
func (o Object) AppendLine(dst []byte) []byte {
	dst = appendHex(dst, &o.SHA256)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, o.Size, 10)
	dst = append(dst, ' ')
	dst = append(dst, o.Ext...)
	return append(dst, '\n')
}

// Tally counts what the records of one project come to. The zero value is
// ready. It remembers ids and digests (some 50 bytes an image) to find
// records and contents that are there twice.
type Tally struct {
	counts  Counts
	ids     map[[16]byte]struct{}
	objects map[[16]byte]struct{} // half a digest tells objects apart
}

// Project counts a project's tags and iterations.
func (t *Tally) Project(tags []Tag, iterations []Iteration) {
	t.counts.Tags += len(tags)
	t.counts.Iterations += len(iterations)
	for o := range ModelObjects(iterations) {
		t.counts.Models++
		t.counts.Bytes += o.Size
	}
}

// Image counts one record. An id that was there before is an error, as is
// one record more than [MaxImages].
func (t *Tally) Image(img *Image) error {
	id, ok := parseID(img.ID)
	if !ok {
		return img.Validate()
	}
	if t.ids == nil {
		t.ids, t.objects = map[[16]byte]struct{}{}, map[[16]byte]struct{}{}
	}
	// A key that is added and leaves the length as it was had been there: to
	// look before would be another look.
	before := len(t.ids)
	t.ids[id] = struct{}{}
	switch {
	case len(t.ids) == before:
		return fmt.Errorf("image %s is there twice", img.ID)
	case before >= MaxImages:
		delete(t.ids, id)
		return fmt.Errorf("more than %d images in one project", MaxImages)
	}

	c := &t.counts
	c.Images++
	if len(img.Iterations) > 0 {
		c.IterationOnly++
	} else {
		c.Regions += len(img.Regions)
		if len(img.Tags) > 0 {
			c.Tagged++
		}
	}
	if img.Failure != nil {
		c.FailedImages++
	}
	if img.Object == nil {
		return nil
	}
	c.Bytes += img.Object.Size
	before = len(t.objects)
	t.objects[[16]byte(img.Object.SHA256[:16])] = struct{}{}
	if len(t.objects) == before {
		c.DuplicateImages++
	}
	return nil
}

// Counts returns what was counted so far.
func (t *Tally) Counts() Counts { return t.counts }
