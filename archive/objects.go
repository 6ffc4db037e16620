package archive

import (
	"context"
	"fmt"
	"iter"

	"cvarchive/manifest"
)

// Objects yields every object that the records of the archive name, each
// mention, in the order of the object list. After the last one the digests of
// all members and of the list have been checked: a sequence that ends without
// an error has named everything. Memory does not grow with their number.
func (r *Reader) Objects(ctx context.Context) iter.Seq2[manifest.Object, error] {
	return func(yield func(manifest.Object, error) bool) {
		var list manifest.ObjectDigest
		for _, e := range r.manifest.Projects {
			for o, err := range r.ProjectObjects(ctx, e.ID) {
				if err == nil {
					list.Add(o)
				}
				if !yield(o, err) || err != nil {
					return
				}
			}
		}
		if want, got := r.manifest.Objects, list.Sum(); got != want {
			yield(manifest.Object{}, corrupt(manifestName, "its object list (%d objects) is not that of the records (%d objects)", want.Count, got.Count))
		}
	}
}

// ProjectObjects is [Reader.Objects] for one project; the digests of its
// members are checked.
func (r *Reader) ProjectObjects(ctx context.Context, id string) iter.Seq2[manifest.Object, error] {
	return func(yield func(manifest.Object, error) bool) {
		p, err := r.Project(ctx, id)
		if err != nil {
			yield(manifest.Object{}, fmt.Errorf("read the records of project %s: %w", id, err))
			return
		}
		for o := range manifest.ModelObjects(p.Iterations) {
			if !yield(o, nil) {
				return
			}
		}
		for rec, err := range r.Images(ctx, id) {
			switch {
			case err != nil:
				yield(manifest.Object{}, err)
				return
			case rec.Object != nil && !yield(*rec.Object, nil):
				return
			}
		}
	}
}
