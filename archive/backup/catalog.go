package backup

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"cvarchive/manifest"
)

// catalog is what is known of the images of one project, by id: from an
// earlier archive, from the journal, and from this run. One goroutine at a
// time changes the map; an entry belongs to whoever works on that image.
type catalog map[uuid.UUID]*entry

// entry is what is known of one image.
type entry struct {
	object  *manifest.Object // its bytes, once known: they never change
	blob    string
	checked bool // the vault was seen to have the object in this run
	counted bool // its end was reported to progress

	pass       int   // the last listing of the workspace that showed it; 0: none
	iterations []int // the trained iterations that showed it, unless the workspace did
	waiting    bool  // its record was taken from one of them
}

// at returns the entry of an image, a new one if need be. The id must be
// valid.
func (c catalog) at(id string) *entry {
	key := uuid.MustParse(id)
	e := c[key]
	if e == nil {
		e = &entry{}
		c[key] = e
	}
	return e
}

// lost reports whether an earlier pass over the workspace showed the image
// and the given one did not.
func (e *entry) lost(pass int) bool { return e.pass > 0 && e.pass < pass }

// lost lists the images that earlier passes over the workspace showed and
// the given one did not, in the order of ids.
func (c catalog) lost(pass int) []string {
	var ids []uuid.UUID
	for id, e := range c {
		if e.lost(pass) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return cmp.Compare(a.String(), b.String()) })
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}

// forget drops what the last iteration that was listed has shown, so that it
// can be listed again.
func (c catalog) forget(iteration int) {
	for _, e := range c {
		if n := len(e.iterations); n > 0 && e.iterations[n-1] == iteration {
			e.iterations = e.iterations[:n-1]
		}
	}
}
