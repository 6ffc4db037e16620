package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// ChainReport is what the archives of one source say of each other.
//
// Every archive names the newest complete one before it by its SHA-256. So an
// archive cannot be altered without its children showing it, and cannot be
// taken out, put in or dated back without a break in the order. What cannot be
// shown is that the newest archives are missing, or all before the oldest;
// and whoever can write all archives of a vault anew makes a chain of their
// own, unless the newest is signed, or its digest was kept elsewhere.
type ChainReport struct {
	Source      string
	Archives    int    // looked at
	Linked      int    // whose parent is there and is the file that they recorded
	Altered     int    // whose parent is another file than they recorded
	Gaps        int    // places where the chain is cut
	First, Last string // names of archives
	Problems    []Problem
	Notes       []string
}

// Sound reports whether nothing is wrong.
func (r *ChainReport) Sound() bool { return len(r.Problems) == 0 && r.Altered == 0 }

// maxCommit is how long it may take from the end of a capture to the archive's
// being in the vault. A backup that begins meanwhile does not know of it.
const maxCommit = 10 * time.Minute

// link is what the chain needs of an archive.
type link struct {
	vault.Archive
	started, finished time.Time
	endpoint          string
	parent            *manifest.Parent
}

// chain checks one source.
type chain struct {
	pass     *Pass
	opt      Options
	report   *ChainReport
	links    []link // oldest first
	retired  map[string]bool
	misdated map[string]bool // reported as put there later
}

// Chain compares the archives of one source with each other; see
// [ChainReport]. The error says that it could not be done.
func (p *Pass) Chain(ctx context.Context, source string) (*ChainReport, error) {
	c := &chain{pass: p, opt: p.opt, report: &ChainReport{Source: source}, retired: map[string]bool{}, misdated: map[string]bool{}}
	p.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "chain of " + source})
	if err := c.read(ctx); err != nil {
		return nil, fmt.Errorf("verify the chain of %s: %w", source, err)
	}
	for i := range c.links {
		if err := c.check(ctx, i); err != nil {
			return nil, fmt.Errorf("verify the chain of %s: %w", source, err)
		}
	}
	return c.report, nil
}

// read reads the manifests.
func (c *chain) read(ctx context.Context) error {
	all, err := c.pass.vault.Archives(ctx)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Source != c.report.Source {
			continue
		}
		c.report.Archives++
		c.report.Last = a.Name
		if c.report.First == "" {
			c.report.First = a.Name
		}
		m, err := c.manifest(ctx, a)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist): // pruned meanwhile
		case err != nil:
			c.problem(a.Name, Unreadable, "archive", fmt.Sprintf("it cannot be read, so that the chain cannot be followed through it: %v", err), hintNoReader)
		default:
			c.links = append(c.links, link{a, m.Started, m.Finished, m.Source.Endpoint, m.Parent})
		}
	}
	retired, err := c.pass.vault.Retired(ctx)
	for _, r := range retired {
		if r.Archive != nil {
			c.retired[r.Name] = true
		}
	}
	return err
}

func (c *chain) manifest(ctx context.Context, a vault.Archive) (*manifest.Manifest, error) {
	f, err := c.pass.vault.OpenIndex(ctx, a)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := archive.NewReader(f, f.Size())
	if err != nil {
		return nil, err
	}
	return r.Manifest(), nil
}

func (c *chain) problem(name string, kind Kind, item, reason, hint string) {
	p := Problem{Archive: name, Kind: kind, Item: item, Reason: reason, Hint: hint}
	if c.opt.Found != nil {
		c.opt.Found(p)
	}
	c.report.Problems = append(c.report.Problems, p)
}

// gap is a place where the chain is cut: a problem unless gaps are expected.
func (c *chain) gap(name, item, reason string) {
	c.report.Gaps++
	if c.opt.AllowGaps {
		c.report.Notes = append(c.report.Notes, fmt.Sprintf("%s: %s: %s", name, item, reason))
		return
	}
	c.problem(name, Chain, item, reason, "if a prune removed it, --allow-gaps takes that as given; else look for it in a replicated vault")
}

// check looks at one archive and those before it.
func (c *chain) check(ctx context.Context, i int) error {
	a := &c.links[i]
	if !a.Created.Equal(a.started.UTC().Truncate(time.Second)) {
		c.problem(a.Name, Chain, "archive", fmt.Sprintf("its name says another time than it does itself, %s", stamp(a.started)),
			"it was renamed; put the right file in its place, from a replicated vault")
	}
	if a.parent == nil {
		c.root(i)
		return nil
	}
	if err := c.parent(ctx, a); err != nil {
		return err
	}
	c.passedOver(i)
	return nil
}

// root looks at an archive that builds on none.
func (c *chain) root(i int) {
	a := &c.links[i]
	for j := i - 1; j >= 0; j-- {
		if old := &c.links[j]; c.wasThere(old, a) {
			c.gap(a.Name, "parent", fmt.Sprintf("it builds on no other, although %s is older: nothing ties it to those before", old.Name))
			return
		}
	}
}

// parent looks at the archive that another builds on.
func (c *chain) parent(ctx context.Context, a *link) error {
	name := a.parent.Name
	item := "parent " + name
	for i := range c.links {
		old := &c.links[i]
		if old.Name != name {
			continue
		}
		if old.finished.After(a.finished) {
			c.problem(a.Name, Chain, item, fmt.Sprintf("it was finished at %s, after this archive that builds on it (%s): one of the two has a false date, or a clock was wrong", stamp(old.finished), stamp(a.finished)),
				"find out which with the log of the backup host")
		}
		digest, err := c.pass.digest(ctx, old.Archive)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			c.problem(a.Name, Unreadable, item, err.Error(), "check that the vault can be read, and verify again")
		case digest == a.parent.SHA256:
			c.report.Linked++
		default:
			c.report.Altered++
			if !c.pass.compared[a.Name] { // or it was said when the archive was verified
				c.problem(a.Name, Ancestry, item, alteredParent(digest, a.parent.SHA256), hintAltered(name))
			}
		}
		return nil
	}
	if when, ok := vault.ParseArchive("archives/"+name+".tar.zst", 0); ok && when.Created.After(a.finished) {
		c.problem(a.Name, Chain, item, fmt.Sprintf("it is of %s, after this archive that builds on it was finished (%s)", stamp(when.Created), stamp(a.finished)),
			"the archive has a false date, or a clock was wrong")
		return nil
	}
	switch {
	case c.retired[name]:
		c.report.Gaps++
		c.report.Notes = append(c.report.Notes, fmt.Sprintf("%s: %s was pruned lately, and is kept aside for a while", a.Name, item))
	case c.first(a):
		c.report.Notes = append(c.report.Notes, fmt.Sprintf("%s: %s and all before it are not in the vault", a.Name, item))
	default:
		c.gap(a.Name, item, "it is not in the vault, and older archives are: it was removed from between, or never copied here")
	}
	return nil
}

// first reports whether no archive of the vault is older.
func (c *chain) first(a *link) bool {
	for i := range c.links {
		if c.links[i].Created.Before(a.Created) {
			return false
		}
	}
	return true
}

// wasThere reports whether an archive was to be seen in the vault when another
// one was begun, and could have been its parent.
func (c *chain) wasThere(old, a *link) bool {
	return !old.Incomplete && old.endpoint == a.endpoint && old.finished.Add(maxCommit).Before(a.started)
}

// passedOver looks for archives between another and its parent. They were not
// there when it was made, or it would have built on them.
func (c *chain) passedOver(i int) {
	a := &c.links[i]
	parent, ok := vault.ParseArchive("archives/"+a.parent.Name+".tar.zst", 0)
	if !ok {
		return
	}
	for j := i - 1; j >= 0 && c.links[j].Created.After(parent.Created); j-- {
		x := &c.links[j]
		if x.Name == a.parent.Name || c.misdated[x.Name] || !c.wasThere(x, a) {
			continue
		}
		c.misdated[x.Name] = true
		c.problem(x.Name, Chain, "archive", fmt.Sprintf("it says that it was finished at %s, but %s, begun at %s, builds on the older %s: it was not in the vault then, and was dated back or came here later", stamp(x.finished), a.Name, stamp(a.started), a.parent.Name),
			"if it was copied from another vault, verify the chain there; else do not trust its date")
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
