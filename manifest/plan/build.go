package plan

import (
	"fmt"
	"iter"
	"strings"

	"cvarchive/manifest"
	"cvarchive/manifest/diff"
)

// ArchiveSide is the archived part of what a plan is made from. Projects
// gives those that the options select, in the order of the archive; one is
// done with before the next is asked for, so their contents need not be in
// memory together.
type ArchiveSide struct {
	Archive      Archive
	MetadataOnly bool
	Domains      []manifest.Domain // of the source
	Projects     iter.Seq2[*Archived, error]
}

// Archived is one project of an archive.
type Archived struct {
	Entry      manifest.ProjectEntry
	Project    manifest.Project
	Iterations []manifest.Iteration
	Export     manifest.Export
	Content    *Content
	// Unfinished is what an earlier restore left; nil: nothing.
	Unfinished *Unfinished
	// Sealed says why the token, which is sealed, is not in Export; empty
	// when it is there, or when nobody tried to open it.
	Sealed string
	// ImportFailed says that an earlier restore, which was interrupted,
	// tried the token in vain.
	ImportFailed bool
}

// TargetSide is the live part.
type TargetSide struct {
	Target   Target
	Domains  []manifest.Domain
	Projects []Live
	// Leftovers are projects that failed imports left, as a journal tells.
	Leftovers []Leftover
}

// Live is one project of the target. Tags and ImageCount are needed only for
// those whose name an archived project is to have; see [Options.TargetName].
type Live struct {
	Project    manifest.Project
	Tags       []manifest.Tag
	ImageCount int // negative: not read
	// Iterations are needed only where training or publication is asked
	// for, of the same ones.
	Iterations []manifest.Iteration
}

// Build makes the plan. An error means that the options make no sense, or is
// one of the sequence of projects.
func Build(a *ArchiveSide, t *TargetSide, opt Options) (*Plan, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &builder{archive: a, target: t, opt: opt, names: newNames(t.Projects), room: opt.Limits.Projects - len(t.Projects)}
	p := &Plan{
		FormatVersion: FormatVersion, Created: opt.Now.UTC(), Archive: a.Archive, Target: t.Target,
		Mode: opt.Mode, OnConflict: opt.OnConflict, Projects: []Project{},
	}
	for archived, err := range a.Projects {
		if err != nil {
			return nil, err
		}
		p.Projects = append(p.Projects, b.project(archived))
	}
	for _, l := range t.Leftovers {
		l.Remove = opt.CleanUp
		p.Leftovers = append(p.Leftovers, l)
	}
	p.Choices, p.State = choicesOf(opt), stateOf(t)
	p.sum()
	p.measure(t, opt)
	p.estimate(opt.CallsPerSecond)
	return p, nil
}

type builder struct {
	archive *ArchiveSide
	target  *TargetSide
	opt     Options
	names   *names
	room    int // projects that still fit, where the limit is known
}

// project plans one project: first whether there is anything to do, then
// whether it can be done, and by which way.
func (b *builder) project(a *Archived) Project {
	p := Project{ID: a.Entry.ID, Name: a.Entry.Name, Type: a.Entry.Type, TargetName: b.opt.TargetName(a.Entry)}
	if a.Entry.Outcome == manifest.Failed {
		p.block("the backup could not read this project", "restore it from an archive in which it is complete")
		return p
	}
	if a.Unfinished != nil {
		b.resume(&p, a)
		b.service(&p, a)
		return p
	}
	if !b.settleName(&p, a) {
		b.serve(&p, a)
		return p
	}
	alive, why := b.token(a)
	rebuild := p
	b.rebuild(&rebuild, a)
	switch {
	case b.opt.Mode == ModeImport && !alive:
		next := "use --mode auto or rebuild"
		if a.Export.State == manifest.TokenSealed && a.Export.Token.IsZero() {
			next = "give the right --identity FILE, or " + next
		}
		p.block("it is to be imported, but "+why, next)
	case b.opt.Mode != ModeRebuild && alive:
		b.importing(&p, a, &rebuild)
	case b.opt.Mode == ModeRebuild:
		p = rebuild
		p.reason("asked for")
	default:
		p = rebuild
		p.reason(why)
	}
	b.service(&p, a)
	b.limits(&p)
	if p.Action.Writes() {
		b.names.take(p.TargetName)
		b.room--
	}
	return p
}

// reason explains why a rebuild was chosen; what blocks it explains itself.
func (p *Project) reason(why string) {
	switch {
	case p.Action == Rebuild:
		p.Reason = why
	case why != "asked for":
		p.Reason = why + "; " + p.Reason
	}
}

func (p *Project) block(reason, next string) {
	*p = Project{
		ID: p.ID, Name: p.Name, Type: p.Type, TargetName: p.TargetName, Wanted: p.Wanted, TargetID: p.TargetID,
		Action: Blocked, Reason: reason, Next: next, NotCarried: p.NotCarried, Notes: p.Notes,
	}
}

// settleName finds a free name, or ends the planning of a project whose name
// is taken.
func (b *builder) settleName(p *Project, a *Archived) (free bool) {
	if p.TargetName == "" {
		p.block("its name in the target would be empty", "give another name with --rename")
		return false
	}
	equal, why := b.taken(p, a)
	switch {
	case equal:
		p.Action, p.Equal, p.Reason = Skip, true, why
	case why == "":
		return true
	case b.opt.OnConflict == ConflictSkip:
		p.Action, p.Reason = Skip, why+"; left alone as asked"
	case b.opt.OnConflict == ConflictRename:
		return b.rename(p, a, why)
	default:
		p.Action, p.Reason = Conflict, why
		p.Next = "use --on-conflict rename or skip, --rename, or remove the target's project"
	}
	return false
}

// taken says why a project's name is not free, if it is not, and whether the
// project that has it is the archived one.
func (b *builder) taken(p *Project, a *Archived) (equal bool, why string) {
	live, ok := b.names.lookup(p.TargetName)
	switch {
	case !ok:
		return false, ""
	case live == nil:
		return false, "another project of this restore has the name"
	}
	p.TargetID = live.Project.ID
	return b.compare(p, a, live)
}

// rename tries other names until one is free, or has the archived project
// from an earlier run.
func (b *builder) rename(p *Project, a *Archived, conflict string) (free bool) {
	p.Wanted = p.TargetName
	for name := range candidates(p.TargetName, b.opt.Dated) {
		p.TargetName, p.TargetID, p.Differs = name, "", nil
		equal, why := b.taken(p, a)
		if equal {
			p.Action, p.Equal, p.Reason = Skip, true, why
			return false
		}
		if why == "" {
			break
		}
	}
	p.Notes = append(p.Notes, Note{What: "name", Reason: fmt.Sprintf("%s; restored as %q", conflict, p.TargetName)})
	return true
}

// compare tells whether the project that has the name is the archived one:
// by settings, tags with their counts, and the number of images.
func (b *builder) compare(p *Project, a *Archived, live *Live) (equal bool, reason string) {
	switch live.Project.Status {
	case manifest.StatusImporting:
		return false, "a project of that name is still being imported"
	case manifest.StatusFailed:
		return false, "a project of that name is there from an import that failed"
	}
	want := a.Project
	want.Name = p.TargetName
	if d, ok := b.chooseDomain(a); ok {
		want.Settings.DomainID = d.ID
	}
	got := diff.Side{Project: live.Project, Tags: live.Tags, ImageCount: live.ImageCount}
	side := func(h Held) diff.Side {
		s := diff.Side{Project: want, ImageCount: h.Images}
		for i, t := range a.Content.Tags() {
			t.ImageCount = h.Tags[i]
			s.Tags = append(s.Tags, t)
		}
		return s
	}
	all, _ := diff.Compare(side(a.Content.All()), got, diff.Options{})
	if all.Equal() {
		return true, "already there and equal (by settings, tags with their counts, number of images)"
	}
	rest := a.Content.Restorable()
	if rest.Images > 0 && rest.Images != a.Content.All().Images {
		if r, _ := diff.Compare(side(rest), got, diff.Options{}); r.Equal() {
			return true, fmt.Sprintf("already there and equal to what the archive can restore, %d of %d images",
				rest.Images, a.Content.All().Images)
		}
	}
	for _, c := range all.Changes {
		p.Differs = append(p.Differs, c.String())
	}
	p.Differs = firstItems(p.Differs)
	return false, "a project of that name is there and differs: " + p.Differs[0]
}

// token tells whether a project can be imported, or why it cannot.
func (b *builder) token(a *Archived) (alive bool, why string) {
	e := &a.Export
	switch {
	case a.ImportFailed && b.opt.Mode != ModeImport:
		return false, "its import failed in an earlier run"
	case e.State == manifest.TokenSealed && e.Token.IsZero():
		return false, "its token is sealed" + a.sealed()
	case e.State == manifest.TokenOmitted:
		return false, "its token was left out of the archive"
	case e.Token.IsZero():
		return false, "the archive has no token for it"
	case e.ImageCount < 0 || e.ImageCount == 0 && a.Content.All().Images > 0:
		return false, "its export record does not count its images"
	}
	if e.Expires == "" {
		return true, "its token gives no expiry"
	}
	expires, err := e.Expires.Time()
	if err != nil {
		return true, "its token's expiry cannot be read"
	}
	if left := expires.Sub(b.opt.Now); left < b.opt.TokenMargin {
		if left < 0 {
			return false, "its token expired at " + stamp(expires)
		}
		return false, "its token expires in moments, at " + stamp(expires)
	}
	return true, "its token lives until " + stamp(expires)
}

// sealed completes why a sealed token is of no use.
func (a *Archived) sealed() string {
	if a.Sealed == "" {
		return ", and no identity was given to open it"
	}
	return ", and " + a.Sealed
}

func (b *builder) importing(p *Project, a *Archived, rebuild *Project) {
	_, why := b.token(a)
	e := &a.Export
	p.Action, p.Reason = Import, why
	p.Expect = &Expect{
		Images: e.ImageCount, Tags: e.TagCount, Regions: e.RegionCount, Iterations: e.IterationCount,
		EstimatedImportTimeInMS: e.EstimatedImportTimeInMS,
	}
	p.Creates = Creates{
		Tags: e.TagCount, Images: e.ImageCount, Regions: e.RegionCount, Iterations: e.IterationCount,
		WithMetadata: a.Content.All().WithMetadata, PerTag: perTag(a.Content, a.Content.All()),
	}
	p.Calls = Calls{ImportProject: 1}
	p.ProofCalls = proofCalls(e.ImageCount)
	p.ProofBytes = a.Content.Restorable().Bytes
	p.ProofCalls.Add(Calls{GetIterations: 1}) // its GetProject is the last look at the import
	if e.ImageCount != a.Content.All().Images {
		p.Notes = append(p.Notes, Note{What: "export record", Reason: fmt.Sprintf(
			"it counts %d images where the archive has %d: the project changed during the backup, or images of iterations count too",
			e.ImageCount, a.Content.All().Images)})
	}
	p.NotCarried = append(p.NotCarried, published(a.Iterations, "publication is not imported; publish again")...)
	p.NotCarried = append(p.NotCarried, Note{What: "ids", Reason: "the target gives new ones"})
	if b.opt.Mode == ModeAuto && rebuild.Action == Rebuild {
		p.Fallback = &Fallback{Calls: rebuild.Calls, Bytes: rebuild.Bytes}
		p.Domain, p.Settings, p.Transfer = rebuild.Domain, rebuild.Settings, rebuild.Transfer
	}
}

// limits blocks what the target is known to have no room for.
func (b *builder) limits(p *Project) {
	if !p.Action.Writes() {
		return
	}
	l := b.opt.Limits
	over := func(what string, n, limit int) bool {
		if limit > 0 && n > limit {
			p.block(fmt.Sprintf("it has %d %s and the target takes %d", n, what, limit), "restore into a resource with larger limits")
			return true
		}
		return false
	}
	switch {
	case over("images", p.Creates.Images, l.ImagesPerProject):
	case over("tags", p.Creates.Tags, l.TagsPerProject):
	case l.Projects > 0 && b.room <= 0:
		p.block(fmt.Sprintf("the target takes %d projects and has no room left", l.Projects), "remove projects there or use another resource")
	}
}

func published(iterations []manifest.Iteration, reason string) []Note {
	var names []string
	for _, it := range iterations {
		if it.PublishName != "" {
			names = append(names, fmt.Sprintf("%s as %q", it.Name, it.PublishName))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []Note{{What: plural(len(names), "published iterations"), Reason: reason, Count: len(names), Items: firstItems(names)}}
}

func perTag(c *Content, h Held) []TagCount {
	out := make([]TagCount, len(c.tags))
	for i, t := range c.tags {
		out[i] = TagCount{Name: t.Name, Type: t.Type, Images: h.Tags[i]}
	}
	return out
}

// plural turns a plural into a singular where there is only one.
func plural(n int, nouns string) string {
	if n == 1 {
		return strings.TrimSuffix(nouns, "s")
	}
	return nouns
}
