package compare

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/diff"
)

// Options say how to compare. The zero value works.
type Options struct {
	// Projects chooses by name or id on either side; empty: all.
	Projects []string
	// Deep lists and reads every image of a resource whose images are
	// matched by their bytes. It has no effect elsewhere: two archives
	// know the digests, and by id the service cannot replace bytes.
	Deep bool
	// MaxImages is about how many edits of images are kept for each
	// project; the tallies count all.
	MaxImages int
	// Downloads is how many images are read at a time; 0: 8.
	Downloads int
	// TempDir is where images wait that memory should not hold; empty:
	// the system's.
	TempDir  string
	Now      func() time.Time // nil: [time.Now]
	Progress progress.Func
}

// UnknownProjectError says that a chosen project is on neither side.
type UnknownProjectError struct{ Name string }

// Error implements error.
func (e *UnknownProjectError) Error() string {
	return fmt.Sprintf("there is no project %q on either side", e.Name)
}

// Archives compares two archives; names are those that the report gives them.
func Archives(ctx context.Context, old Archive, oldName string, new Archive, newName string, opt Options) (*Report, error) {
	o, n := newArchived(old, oldName), newArchived(new, newName)
	return run(ctx, o, n, true, opt)
}

// Live compares an archive, the old side, with what a resource holds now. The
// resource's name and endpoint are for the report; the endpoint also tells
// whether it is the one that was captured.
func Live(ctx context.Context, old Archive, oldName string, src Source, name, endpoint string, opt Options) (*Report, error) {
	n, err := newLive(ctx, src, name, endpoint, opt)
	if err != nil {
		return nil, err
	}
	defer n.downloads.Close()
	return run(ctx, newArchived(old, oldName), n, opt.Deep, opt)
}

// side is one of the two.
type side interface {
	describe() Side
	projects() []ref
	domains() []manifest.Domain
	// holds reports whether the side was to have a project of this id and
	// name, if there was one.
	holds(id, name string) bool
	// count is the number of images of the workspace.
	count(ctx context.Context, r ref) (int, error)
	inventory(ctx context.Context, r ref) (*diff.Inventory, error)
	// named reads a project for a comparison by names, with its images or
	// only their number. unread gives, afterwards, what could not be read.
	named(ctx context.Context, r ref, deep bool) (s diff.Side, unread func() []manifest.Failure, err error)
}

// ref is a project of a side.
type ref struct {
	id, name, kind string
	failed         string // why it cannot be read
}

type comparison struct {
	old, new side
	by       By
	deep     bool // images one by one, where by is ByName
	opt      Options
}

func run(ctx context.Context, old, new side, deep bool, opt Options) (*Report, error) {
	c := &comparison{old: old, new: new, deep: deep, opt: opt, by: ByName}
	if related(old, new) {
		c.by = ByID
	}
	if err := c.checkSelection(); err != nil {
		return nil, err
	}
	r := &Report{
		FormatVersion: ReportVersion, Old: old.describe(), New: new.describe(),
		By: c.by, ImagesCounted: c.by == ByName && !deep, Projects: []Project{},
	}
	opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "compare"})
	for o, n := range c.pairs() {
		p, err := c.project(ctx, o, n)
		if err != nil {
			return nil, err
		}
		r.Projects = append(r.Projects, *p)
	}
	slices.SortStableFunc(r.Projects, func(a, b Project) int { return strings.Compare(a.Name, b.Name) })
	r.sum()
	return r, nil
}

// related reports whether ids mean the same on both sides.
func related(old, new side) bool {
	endpoint := func(s side) string { return strings.ToLower(strings.TrimRight(s.describe().Endpoint, "/")) }
	if endpoint(old) == endpoint(new) {
		return true
	}
	return slices.ContainsFunc(old.projects(), func(o ref) bool {
		return slices.ContainsFunc(new.projects(), func(n ref) bool { return strings.EqualFold(o.id, n.id) })
	})
}

// pairs yields the chosen projects of both sides. One of the two may be nil.
func (c *comparison) pairs() iter.Seq2[*ref, *ref] {
	return func(yield func(o, n *ref) bool) {
		olds, news := c.old.projects(), c.new.projects()
		paired := make([]bool, len(olds))
		for i := range news {
			n := &news[i]
			var o *ref
			if at := slices.IndexFunc(olds, func(o ref) bool { return c.match(&o, n) }); at >= 0 && !paired[at] {
				paired[at] = true
				o = &olds[at]
			}
			if c.chosen(o, n) && !yield(o, n) {
				return
			}
		}
		for i := range olds {
			if !paired[i] && c.chosen(&olds[i], nil) && !yield(&olds[i], nil) {
				return
			}
		}
	}
}

func (c *comparison) match(o, n *ref) bool {
	if c.by == ByID {
		return strings.EqualFold(o.id, n.id)
	}
	return o.name == n.name
}

func (c *comparison) chosen(of ...*ref) bool {
	return len(c.opt.Projects) == 0 || slices.ContainsFunc(c.opt.Projects, func(want string) bool {
		return slices.ContainsFunc(of, func(r *ref) bool { return r != nil && r.is(want) })
	})
}

func (r *ref) is(want string) bool { return r.name == want || strings.EqualFold(r.id, want) }

func (c *comparison) checkSelection() error {
	all := slices.Concat(c.old.projects(), c.new.projects())
	for _, want := range c.opt.Projects {
		if !slices.ContainsFunc(all, func(r ref) bool { return r.is(want) }) {
			return &UnknownProjectError{want}
		}
	}
	return nil
}

// project compares one pair. What the service refuses is the project's
// affair; an archive that cannot be read is the caller's.
func (c *comparison) project(ctx context.Context, o, n *ref) (*Project, error) {
	first := o
	if o == nil {
		first = n
	}
	p := &Project{ID: first.id, Name: first.name, Type: first.kind}
	if o != nil && n != nil && o.name != n.name {
		p.NewName = n.name
	}
	err := c.compare(ctx, p, o, n)
	if se, ok := errors.AsType[*manifest.ServiceError](err); ok && ctx.Err() == nil {
		*p = Project{Status: NotCompared, ID: p.ID, Name: p.Name, NewName: p.NewName, Type: p.Type, Reason: se.Error()}
		err = nil
	}
	c.opt.Progress.Send(progress.Event{Kind: progress.ProjectFinished, Project: p.Name, ID: p.ID, Message: string(p.Status)})
	if err != nil {
		return nil, fmt.Errorf("compare project %q: %w", p.Name, err)
	}
	return p, nil
}

func (c *comparison) compare(ctx context.Context, p *Project, o, n *ref) error {
	switch {
	case o == nil && !c.old.holds(n.id, n.name):
		p.Status, p.Reason = LeftOut, "the old archive is of chosen projects, and this one is not among them"
	case n == nil && !c.new.holds(o.id, o.name):
		p.Status, p.Reason = LeftOut, "the new archive is of chosen projects, and this one is not among them"
	case o == nil:
		p.Status = Added
		count, err := c.new.count(ctx, *n)
		p.Images.New, p.Images.Added = count, count
		return err
	case n == nil:
		p.Status = Removed
		count, err := c.old.count(ctx, *o)
		p.Images.Old, p.Images.Removed = count, count
		return err
	case o.failed != "":
		p.Status, p.Reason = NotCompared, o.failed
	case n.failed != "":
		p.Status, p.Reason = NotCompared, n.failed
	default:
		return c.both(ctx, p, *o, *n)
	}
	return nil
}

func (c *comparison) both(ctx context.Context, p *Project, o, n ref) error {
	var h *diff.History
	var err error
	if c.by == ByID {
		h, err = c.byID(ctx, o, n)
	} else {
		h, err = c.byName(ctx, p, o, n)
	}
	if err != nil {
		return err
	}
	c.nameDomains(h)
	p.History, p.Status = *h, Equal
	if !h.Equal() {
		p.Status = Changed
	}
	return nil
}

// nameDomains adds the names of domains to their ids, as far as an archive
// tells them.
func (c *comparison) nameDomains(h *diff.History) {
	domains := slices.Concat(c.old.domains(), c.new.domains())
	named := func(id string) string {
		i := slices.IndexFunc(domains, func(d manifest.Domain) bool { return strings.EqualFold(d.ID, id) })
		if i < 0 {
			return id
		}
		return fmt.Sprintf("%s (%s)", domains[i].Name, id)
	}
	for i := range h.Edits {
		if e := &h.Edits[i]; e.Name == "domainId" || e.Field == "domainId" {
			e.Old, e.New = named(e.Old), named(e.New)
		}
	}
}

func (c *comparison) byID(ctx context.Context, o, n ref) (*diff.History, error) {
	old, err := c.old.inventory(ctx, o)
	if err != nil {
		return nil, err
	}
	new, err := c.new.inventory(ctx, n)
	if err != nil {
		return nil, err
	}
	return diff.Since(old, new, c.opt.MaxImages)
}

// maxChanges bounds the differences of one project by names that are looked
// at one by one; the rest is counted.
const maxChanges = 100_000

func (c *comparison) byName(ctx context.Context, p *Project, o, n ref) (*diff.History, error) {
	old, _, err := c.old.named(ctx, o, c.deep)
	if err != nil {
		return nil, err
	}
	new, unread, err := c.new.named(ctx, n, c.deep)
	if err != nil {
		return nil, err
	}
	r, err := diff.Compare(old, new, diff.Options{MaxChanges: maxChanges})
	if err != nil {
		return nil, err
	}
	p.Unread = unread()
	counted := new.ImageCount
	if c.deep {
		counted = r.Images
	}
	return diff.HistoryOf(r, old.ImageCount, counted, c.opt.MaxImages), nil
}
