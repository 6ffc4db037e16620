package repair

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/download"
	"cvarchive/manifest"
)

// asked is one source of a repair.
type asked struct {
	*run
	source    Source
	name      string
	downloads *download.Downloader
	down      error // it does not answer, or is not known: nothing more is asked
}

// want is one record whose bytes would mend an object.
type want struct {
	*work
	item *Item
}

// ask gets from one source what it can.
func (r *run) ask(ctx context.Context, name string) error {
	a := r.sourceOf(name)
	ids, works := r.projects(name)
	for _, id := range ids {
		if a.down != nil {
			break
		}
		if err := a.project(ctx, id, works[id]); err != nil {
			return err
		}
	}
	if a.down != nil {
		r.refuse(name, a.down)
	}
	return nil
}

// sourceOf returns a source, which stays down once it was, for all windows.
func (r *run) sourceOf(name string) *asked {
	if a := r.sources[name]; a != nil {
		return a
	}
	a := &asked{run: r, name: name}
	r.sources[name] = a
	if a.source, a.down = r.opt.Source(name); a.down == nil {
		a.downloads = download.New(a.source, download.Options{Delay: r.opt.RetryDelay, Now: r.opt.Now})
	}
	return a
}

func (a *asked) close() {
	if a.downloads != nil {
		a.downloads.Close()
	}
}

// projects returns the projects of a source, in order of appearance, and the
// objects that records of each name.
func (r *run) projects(source string) (ids []string, works map[string][]*work) {
	works = map[string][]*work{}
	for _, w := range r.works {
		for i := range w.items {
			it := &w.items[i]
			if it.Source != source {
				continue
			}
			of := works[it.ProjectID]
			if of == nil {
				ids = append(ids, it.ProjectID)
			}
			if of == nil || of[len(of)-1] != w {
				works[it.ProjectID] = append(of, w)
			}
		}
	}
	return ids, works
}

// refuse gives a reason to every object that a source would have to mend.
func (r *run) refuse(source string, reason error) {
	for _, w := range r.works {
		if !w.closed && w.has(source) {
			w.fail("%v", reason)
		}
	}
}

// failed takes note of an error of the source.
func (a *asked) failed(err error) {
	se, ok := errors.AsType[*manifest.ServiceError](err)
	if ok && (se.StatusCode == 0 || se.StatusCode == 429 || se.StatusCode >= 500) {
		a.down = err
	}
}

// has reports whether a record of a source names the object.
func (w *work) has(source string) bool {
	for i := range w.items {
		if w.items[i].Source == source {
			return true
		}
	}
	return false
}

// project tries the records of one project: one for each of its objects at a
// time, until it is mended or no record is left.
func (a *asked) project(ctx context.Context, id string, works []*work) error {
	for {
		images, models := a.next(id, works)
		if len(images)+len(models) == 0 || a.down != nil {
			return nil
		}
		if err := a.images(ctx, id, images); err != nil {
			return err
		}
		for _, w := range models {
			if err := a.model(ctx, w); err != nil {
				return err
			}
		}
	}
}

// next returns an untried record of the project for each object that is not
// settled and has one.
func (a *asked) next(projectID string, works []*work) (images, models []want) {
	for _, w := range works {
		if w.closed {
			continue
		}
		for i := range w.items {
			it := &w.items[i]
			if w.tried[i] || it.Source != a.name || it.ProjectID != projectID {
				continue
			}
			w.try(it)
			if it.ImageID != "" {
				images = append(images, want{w, it})
			} else {
				models = append(models, want{w, it})
			}
			break
		}
	}
	return images, models
}

// try marks a record as tried, in whichever archives it is.
func (w *work) try(it *Item) {
	for i := range w.items {
		same := w.items[i]
		same.Archive, same.Name, same.Project = it.Archive, it.Name, it.Project
		if same == *it {
			w.tried[i] = true
		}
	}
}

// images looks for images in the workspace, and for those that it does not
// have in the trained iterations of today.
func (a *asked) images(ctx context.Context, projectID string, left []want) error {
	if len(left) == 0 {
		return nil
	}
	left, err := a.place(ctx, projectID, "", left)
	if err != nil || len(left) == 0 || a.down != nil {
		return err
	}
	iterations, err := a.source.Iterations(ctx, projectID)
	if err != nil {
		a.failed(err)
		return ctx.Err() // the reason is that of the workspace
	}
	for i := range iterations {
		if !iterations[i].Trained() || len(left) == 0 || a.down != nil {
			continue
		}
		if left, err = a.place(ctx, projectID, iterations[i].ID, left); err != nil {
			return err
		}
	}
	return nil
}

// place asks for images in one place, and returns those that it does not
// have.
func (a *asked) place(ctx context.Context, projectID, iterationID string, wants []want) (left []want, err error) {
	for len(wants) > 0 {
		batch := wants[:min(len(wants), manifest.MaxPage)]
		wants = wants[len(batch):]
		ids := make([]string, len(batch))
		for i := range batch {
			ids[i] = batch[i].item.ImageID
		}
		listed, err := a.source.ImagesByIDs(ctx, projectID, iterationID, ids)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			a.failed(err)
			for _, w := range batch {
				w.fail("%v", err)
			}
			left = append(left, batch...)
			if a.down != nil {
				return left, nil
			}
			continue
		}
		missing, err := a.batch(ctx, projectID, iterationID, batch, listed)
		if err != nil {
			return nil, err
		}
		left = append(left, missing...)
	}
	return left, nil
}

// batch downloads the images that were listed, and returns the others.
func (a *asked) batch(ctx context.Context, projectID, iterationID string, wants []want, listed []manifest.ListedImage) (left []want, err error) {
	there := map[string]bool{}
	for i := range listed {
		there[listed[i].ID] = !download.BytesOf(&listed[i]).IsZero()
	}
	links := download.NewLinks(a.source, projectID, iterationID, listed)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.opt.Downloads)
	for _, w := range wants {
		linked, found := there[w.item.ImageID]
		switch {
		case !found:
			if w.reason == notTried {
				w.fail("%s does not have the image any more", a.name)
			}
			left = append(left, w)
		case !linked:
			w.fail("%s lists the image without a link to its bytes", a.name)
		default:
			g.Go(func() error {
				defer links.Done(w.item.ImageID)
				return a.obtain(gctx, w, links.Of(w.item.ImageID), download.MaxImage)
			})
		}
	}
	return left, g.Wait()
}

// model gets an exported model again, if the source still has the package.
func (a *asked) model(ctx context.Context, w want) error {
	l := &modelLink{source: a.source, item: w.item}
	if err := l.Renew(ctx, 0); err != nil {
		a.failed(err)
		w.fail("%v", err)
		return ctx.Err()
	}
	return a.obtain(ctx, w, l, download.MaxModel)
}

// modelLink is the link of one exported model.
type modelLink struct {
	source     Source
	item       *Item
	uri        manifest.Secret
	generation int
}

// Current implements [download.Link].
func (l *modelLink) Current() (manifest.Secret, int) { return l.uri, l.generation }

// Renew implements [download.Link].
func (l *modelLink) Renew(ctx context.Context, _ int) error {
	exports, err := l.source.ModelExports(ctx, l.item.ProjectID, l.item.IterationID)
	if err != nil {
		return err
	}
	for i := range exports {
		if e := &exports[i]; e.Platform == l.item.Platform && e.Flavor == l.item.Flavor && !e.DownloadURI.IsZero() {
			l.uri = e.DownloadURI
			l.generation++
			return nil
		}
	}
	return errNoModel
}
