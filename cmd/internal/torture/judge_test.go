package torture

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cvarchive/archive"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// verdict is what an archive turned out to be.
type verdict struct {
	consistent, marked int      // projects
	wrongBytes         int      // images whose wrong bytes are marked
	problems           []string // what must not be
}

func (v *verdict) problem(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// span is the time in which something ran, in changes of the account.
type span struct{ from, to int }

// judge holds an archive against the states that its account had in a span.
func (a *account) judge(ctx context.Context, v *vault.Vault, entry vault.Archive, at span) (verdict, error) {
	var out verdict
	file, err := v.OpenArchive(ctx, entry)
	if err != nil {
		return out, err
	}
	defer file.Close()
	r, err := archive.NewReader(file, file.Size())
	if err != nil {
		return out, err
	}
	for _, p := range a.projects {
		if p.source != entry.Source {
			continue
		}
		e := r.Manifest().Project(p.id)
		if e == nil {
			out.problem("the project %s is missing", p.name)
			continue
		}
		if err := a.judgeProject(ctx, r, p, e, at, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// found is what an archive says of a project's images.
type found struct {
	workspace map[string]string // states by id
	others    map[string]bool   // images that only iterations hold
	bare      int               // images without bytes
}

func (a *account) judgeProject(ctx context.Context, r *archive.Reader, p *project, e *manifest.ProjectEntry, at span, out *verdict) error {
	f, err := a.read(ctx, r, p, e, out)
	if err != nil {
		return err
	}
	if e.Outcome != manifest.Complete {
		out.marked++
		if len(e.Failures) == 0 && f.bare == 0 {
			out.problem("project %s is %s and does not say why", p.name, e.Outcome)
		}
		if !listingBroke(e) {
			a.judgeLasting(p, f, at, out)
		}
		return nil
	}
	if f.bare > 0 || len(e.Failures) > 0 {
		out.problem("project %s is complete and has %d images without bytes and the failures %v", p.name, f.bare, e.Failures)
	}
	if near := a.nearest(p, f.workspace, at); near != "" {
		out.problem("project %s is complete and not as it ever was: %s", p.name, near)
	} else {
		out.consistent++
	}
	for id := range p.trained {
		if _, there := f.workspace[id]; !there && !f.others[id] {
			out.problem("project %s: image %s of the iteration is missing", p.name, id)
		}
	}
	return nil
}

// listingBroke reports whether a project says that a list was not read to its
// end.
func listingBroke(e *manifest.ProjectEntry) bool {
	return e.Outcome == manifest.Failed || slices.ContainsFunc(e.Failures, func(f manifest.Failure) bool {
		return strings.HasPrefix(f.Item, "images") && f.Code != "Moved" && f.Code != "CountDiffers"
	})
}

// read collects the images of a project, and holds their bytes against what
// was uploaded.
func (a *account) read(ctx context.Context, r *archive.Reader, p *project, e *manifest.ProjectEntry, out *verdict) (found, error) {
	f := found{workspace: map[string]string{}, others: map[string]bool{}}
	for rec, err := range r.Images(ctx, p.id) {
		if err != nil {
			return f, err
		}
		if _, twice := f.workspace[rec.ID]; twice || f.others[rec.ID] {
			out.problem("project %s has image %s twice", p.name, rec.ID)
		}
		if len(rec.Iterations) > 0 {
			f.others[rec.ID] = true
		} else {
			f.workspace[rec.ID] = imageState(&rec.Image)
		}
		a.judgeBytes(p, e, &rec.Image, &f, out)
	}
	return f, nil
}

func (a *account) judgeBytes(p *project, e *manifest.ProjectEntry, img *manifest.Image, f *found, out *verdict) {
	a.mu.Lock()
	truth, known := a.truth[img.ID]
	a.mu.Unlock()
	switch {
	case !known:
		out.problem("project %s has an image %s that nobody uploaded", p.name, img.ID)
	case img.Object == nil:
		f.bare++
		if img.Failure == nil {
			out.problem("project %s: image %s has neither bytes nor a reason", p.name, img.ID)
		}
	case img.Object.SHA256 != truth:
		marked := slices.ContainsFunc(e.Failures, func(fail manifest.Failure) bool { return fail.Item == "image "+img.ID })
		if !marked {
			out.problem("project %s: image %s has other bytes than were uploaded (%d of them, %s), and nothing says so", p.name, img.ID, img.Object.Size, img.Object.Ext)
			return
		}
		out.wrongBytes++
	}
}

// judgeLasting looks for images that were there all the time and are in the
// archive in no way.
func (a *account) judgeLasting(p *project, f found, at span, out *verdict) {
	lasting := a.stateAt(p, at.from)
	for _, c := range a.changes(at) {
		for id, state := range c.to {
			if c.project == p && state == "" {
				delete(lasting, id)
			}
		}
	}
	for id := range lasting {
		if _, there := f.workspace[id]; !there {
			out.problem("project %s is marked, and image %s, which was there all the time, is missing all the same", p.name, id)
		}
	}
}

func (a *account) changes(at span) []change {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log[at.from:at.to:at.to]
}

// stateAt returns a project's state after so many changes.
func (a *account) stateAt(p *project, at int) map[string]string {
	state := map[string]string{}
	for _, c := range a.changes(span{0, at}) {
		if c.project == p {
			c.apply(state)
		}
	}
	return state
}

func (c change) apply(state map[string]string) {
	for id, to := range c.to {
		if to == "" {
			delete(state, id)
		} else {
			state[id] = to
		}
	}
}

// nearest says how what was found differs from the nearest state that the
// project had in a span; "" when it is one of them.
func (a *account) nearest(p *project, got map[string]string, at span) string {
	state := a.stateAt(p, at.from)
	best := difference(state, got)
	for _, c := range a.changes(at) {
		if len(best) == 0 {
			break
		}
		if c.project != p {
			continue
		}
		c.apply(state)
		if d := difference(state, got); len(d) < len(best) {
			best = d
		}
	}
	if len(best) == 0 {
		return ""
	}
	return fmt.Sprintf("%d images, %d differ, such as %s", len(got), len(best), strings.Join(best[:min(len(best), 3)], "; "))
}

func difference(want, got map[string]string) (list []string) {
	for id, state := range want {
		switch have, there := got[id]; {
		case !there:
			list = append(list, id+" is missing")
		case have != state:
			list = append(list, fmt.Sprintf("%s has %q instead of %q", id, have, state))
		}
	}
	for id := range got {
		if _, there := want[id]; !there {
			list = append(list, id+" was not there")
		}
	}
	return list
}
