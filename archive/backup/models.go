package backup

import (
	"context"
	"errors"

	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// modelKey is what an exported model is known by.
type modelKey = vault.JournalModel

func keyOf(it *manifest.Iteration, m *manifest.ModelExport) modelKey {
	return modelKey{Iteration: it.ID, Modified: it.LastModified, Platform: m.Platform, Flavor: m.Flavor}
}

// models returns the objects of the exported models of a project that the
// newest archive with any names. It fails with the context only.
func (a *ancestry) models(ctx context.Context, projectID string) (map[modelKey]manifest.Object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, old := range a.archives {
		usable, err := a.open(ctx, old)
		if err != nil {
			return nil, err
		}
		if !usable {
			continue
		}
		if e := old.reader.Manifest().Project(projectID); e == nil || e.Counts.Models == 0 {
			continue
		}
		p, err := old.reader.Project(ctx, projectID)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			a.warn("the earlier archive %s cannot be used to save downloads of the models of project %s: %v", old.Name, projectID, err)
			continue
		}
		known := map[modelKey]manifest.Object{}
		for i := range p.Iterations {
			it := &p.Iterations[i]
			for j := range it.Models {
				if m := &it.Models[j]; m.Object != nil && !m.NewerVersionAvailable {
					known[keyOf(it, m)] = *m.Object
				}
			}
		}
		return known, nil
	}
	return map[modelKey]manifest.Object{}, nil
}

// captured lists the models whose bytes the vault has.
func captured(iterations []manifest.Iteration) map[modelKey]bool {
	have := map[modelKey]bool{}
	for i := range iterations {
		for j := range iterations[i].Models {
			if m := &iterations[i].Models[j]; m.Object != nil {
				have[keyOf(&iterations[i], m)] = true
			}
		}
	}
	return have
}

// knownModel returns the object of a model that an earlier archive or an
// interrupted run has, that
// the service says nothing new of, and that is still as large; or nil. A model
// that was exported again looks the same in the list, so that its size is asked
// for, which costs no call of the Training API.
func (c *capture) knownModel(ctx context.Context, it *manifest.Iteration, m *manifest.ModelExport) (*manifest.Object, error) {
	o, there := c.oldModels[keyOf(it, m)]
	if !there || m.NewerVersionAvailable || m.DownloadURI.IsZero() {
		return nil, nil
	}
	body, size, err := c.run.source.Download(ctx, c.project.ID, m.DownloadURI, 0)
	if err != nil {
		return nil, ctx.Err() // the download proper says what is wrong
	}
	if err := body.Close(); err != nil || size != o.Size {
		return nil, ctx.Err()
	}
	has, err := c.run.vault.KeepObject(ctx, o)
	if _, damaged := errors.AsType[*vault.ObjectError](err); damaged || err == nil && !has {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.run.tally.modelsReused.Add(1)
	return &o, nil
}
