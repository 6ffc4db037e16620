package manifest

import (
	"crypto/sha256"
	"encoding/hex"
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
	d.add(d.line, o.Size)
}

func (d *ObjectDigest) add(line []byte, size int64) {
	if d.hash == nil {
		d.hash = sha256.New()
	}
	d.hash.Write(line)
	d.list.Count++
	d.list.Bytes += size
}

// AddLine takes note of one mention whose line, newline included, has been
// made before with [Object.AppendLine].
func (d *ObjectDigest) AddLine(line []byte) error {
	const start = 2*sha256.Size + 1 // of the size
	n := 0
	if len(line) > start {
		n = digits(line[start:])
	}
	if n == 0 || n > 18 || line[start-1] != ' ' || line[start+n] != ' ' {
		return fmt.Errorf("%s is no line of an object list", quote(string(line)))
	}
	d.add(line, value10(line[start:start+n]))
	return nil
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
	dst = hex.AppendEncode(dst, o.SHA256[:])
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
	if _, there := t.ids[id]; there {
		return fmt.Errorf("image %s is there twice", img.ID)
	}
	if len(t.ids) >= MaxImages {
		return fmt.Errorf("more than %d images in one project", MaxImages)
	}
	t.ids[id] = struct{}{}

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
	key := [16]byte(img.Object.SHA256[:16])
	if _, there := t.objects[key]; there {
		c.DuplicateImages++
	}
	t.objects[key] = struct{}{}
	return nil
}

// Counts returns what was counted so far.
func (t *Tally) Counts() Counts { return t.counts }
