package backup

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"time"

	"cvarchive/archive"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// maxAncestors bounds how far back a backup looks for what it knows already:
// archives of chosen projects or of metadata only may lie before.
const maxAncestors = 16

// ancestry is the earlier archives of a source, from the newest back, and
// what they know of the bytes of its images.
type ancestry struct {
	vault  *vault.Vault
	source manifest.Source
	warn   func(format string, args ...any)

	mu       sync.Mutex
	archives []*ancestor
}

// ancestor is one earlier archive, opened when it is first needed.
type ancestor struct {
	vault.Archive
	file   *vault.ArchiveFile
	reader *archive.Reader
	bad    bool
}

func findAncestry(ctx context.Context, v *vault.Vault, source manifest.Source, warn func(string, ...any)) (*ancestry, error) {
	all, err := v.Archives(ctx)
	if err != nil {
		return nil, err
	}
	a := &ancestry{vault: v, source: source, warn: warn}
	for i := len(all) - 1; i >= 0 && len(a.archives) < maxAncestors; i-- {
		if all[i].Source == source.Name {
			a.archives = append(a.archives, &ancestor{Archive: all[i]})
		}
	}
	return a, nil
}

// Close closes the archives.
func (a *ancestry) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, old := range a.archives {
		if old.file != nil {
			old.file.Close()
		}
	}
}

// open opens an archive and returns false when it is of no use: damaged, or
// of another resource that had the name. It fails with the context only: an
// old archive that cannot be read is no reason not to write a new one.
func (a *ancestry) open(ctx context.Context, old *ancestor) (bool, error) {
	if old.bad || old.reader != nil {
		return !old.bad, nil
	}
	file, err := a.vault.OpenIndex(ctx, old.Archive)
	if err == nil {
		old.file = file
		old.reader, err = archive.NewReader(file, file.Size())
	}
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, fs.ErrNotExist): // pruned meanwhile
		old.bad = true
	case err != nil:
		a.warn("the earlier archive %s cannot be used to save downloads: %v", old.Name, err)
		old.bad = true
	case !sameEndpoint(old.reader.Manifest().Source.Endpoint, a.source.Endpoint):
		a.warn("the earlier archive %s is of another resource (%s) and is not used to save downloads",
			old.Name, old.reader.Manifest().Source.Endpoint)
		old.bad = true
	}
	return !old.bad, nil
}

func sameEndpoint(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}

// parent returns the newest earlier archive that can be read and is not
// incomplete, with its digest, or nil. It fails with the context only.
func (a *ancestry) parent(ctx context.Context) (*manifest.Parent, error) {
	newest, err := a.newest(ctx)
	if newest == nil || err != nil {
		return nil, err
	}
	digest, err := a.vault.Digest(ctx, newest.Archive)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		a.warn("the earlier archive %s cannot be read and is not named as the parent: %v", newest.Name, err)
		return nil, nil
	}
	return &manifest.Parent{Name: newest.Name, SHA256: digest}, nil
}

func (a *ancestry) newest(ctx context.Context) (*ancestor, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, old := range a.archives {
		if old.Incomplete {
			continue // of use for its images, and the state of nothing
		}
		if usable, err := a.open(ctx, old); usable || err != nil {
			return old, err
		}
	}
	return nil, nil
}

// load returns what the newest archive that has bytes of a project knows of
// its images, and, where that was not complete, what older ones add; so do
// those that were being made at the same time, which may have looked later. It
// fails with the context only.
func (a *ancestry) load(ctx context.Context, projectID string) (catalog, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := catalog{}
	var complete *manifest.Manifest
	for _, old := range a.archives {
		usable, err := a.open(ctx, old)
		if err != nil {
			return nil, err
		}
		if !usable {
			continue
		}
		if complete != nil && !old.reader.Manifest().Finished.After(complete.Started) {
			if old.Created.Before(complete.Started.Truncate(time.Second)) {
				break
			}
			continue // those of one second have no order
		}
		e := old.reader.Manifest().Project(projectID)
		if e == nil || e.Counts.Bytes == 0 {
			continue
		}
		err = old.load(ctx, projectID, known)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			a.warn("the earlier archive %s cannot be used to save downloads of project %s: %v", old.Name, projectID, err)
			continue
		}
		if e.Outcome == manifest.Complete && complete == nil {
			complete = old.reader.Manifest()
		}
	}
	return known, nil
}

// load adds the objects of a project's images that are not known yet. What was
// no picture when it was captured may have been the network's doing, so it is
// asked for again. A damaged member adds nothing: until its end, it may be damaged anywhere.
func (old *ancestor) load(ctx context.Context, projectID string, known catalog) error {
	found := catalog{}
	for rec, err := range old.reader.Images(ctx, projectID) {
		if err != nil {
			return err
		}
		if rec.Object != nil && isPicture(rec.Object.Ext) {
			*found.at(rec.ID) = entry{object: new(*rec.Object), blob: rec.Blob}
		}
	}
	for id, e := range found {
		if known[id] == nil {
			known[id] = e
		}
	}
	return nil
}
