package backup

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/download"
	"cvarchive/archive/inventory"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// run is one backup.
type run struct {
	opt       Options
	source    Source
	vault     *vault.Vault
	inventory *inventory.Inventory
	writer    *archive.Writer
	ancestry  *ancestry
	journal   *journal
	downloads *download.Downloader
	hard      context.Context // of what is to be finished when Options.Stop comes
	gate      *download.Gate  // of images and models that are downloaded
	looks     chan struct{}   // one for each image that is looked for in the vault
	ahead     chan struct{}   // one for each page that is listed ahead
	away      time.Duration   // how long the service takes to answer
	tally     *tally
	trust     trust
	loss      loss // of the projects written so far
	items     []ItemFailure
	// account holds the ids of all projects of the resource, in lower
	// case, and whether they are in the archive.
	account map[string]bool
}

// Run captures a resource into a new archive of the vault. It fails, without
// an archive, when the resource cannot be listed, when a named project is not
// there ([*ProjectError]), when nothing at all could be captured
// ([*NothingCapturedError]), when the vault or the temporary folder cannot be
// written, and when ctx ends or Options.Stop comes ([*InterruptedError]). Any
// other failure is in the result, and in the archive.
func Run(ctx context.Context, src Source, v *vault.Vault, opt Options) (*Result, error) {
	opt = opt.withDefaults()
	r := &run{opt: opt, source: src, vault: v, ahead: make(chan struct{}, aheadPages), tally: &tally{}}
	r.gate, r.looks = download.NewGate(opt.Downloads), make(chan struct{}, min(opt.Downloads, looksAtOnce))
	r.downloads = download.New(src, download.Options{
		Delay: opt.RetryDelay, Now: opt.Now, Counted: func(n int64) { r.tally.bytesDownloaded.Add(n) },
	})
	defer r.downloads.Close()
	r.hard = ctx
	soft, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.inventory = inventory.New(soft, v)
	go func() {
		select {
		case <-opt.Stop: // or never, when it is nil
			cancel(ErrStopped)
		case <-soft.Done():
		}
	}()
	res, err := r.run(soft)
	if err != nil && soft.Err() != nil {
		return nil, &InterruptedError{Source: opt.Source.Name, Stored: r.tally.stored.Load(), Err: cmp.Or(ctx.Err(), ErrStopped)}
	}
	return res, err
}

// newID draws an id for an archive. Names tell the second, and archives of one
// second are listed by their ids, so that these begin with the fraction of it.
func newID(started time.Time) string {
	id := make([]byte, 4)
	rand.Read(id) // never fails
	id[0] = byte(started.Nanosecond() * 256 / int(time.Second))
	return hex.EncodeToString(id)
}

// inFlight returns the context of work that is finished once it was begun
// under ctx: it ends with what fails, and with the context of the backup, but
// not with [Options.Stop].
func (r *run) inFlight(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(r.hard)
	stop := context.AfterFunc(ctx, func() {
		if !errors.Is(context.Cause(ctx), ErrStopped) {
			cancel()
		}
	})
	return work, func() {
		stop()
		cancel()
	}
}

func (r *run) run(ctx context.Context) (*Result, error) {
	m := manifest.Manifest{
		Tool: r.opt.Tool, Source: r.opt.Source, Started: r.opt.Now().UTC(),
		Capture: manifest.Capture{
			MetadataOnly: r.opt.MetadataOnly, NoTokens: r.opt.NoTokens, NoModels: r.opt.NoModels, Projects: r.opt.Projects,
		},
	}
	if err := vault.CheckSource(r.opt.Source.Name); err != nil {
		return nil, err
	}
	m.ID = newID(m.Started)
	r.journal = newJournal(r.vault, r.opt.Source, m.Started, m.ID, r.opt.FlushEvery, r.warn)
	projects, err := r.begin(ctx, &m)
	if r.ancestry != nil {
		defer r.ancestry.Close()
	}
	if err != nil {
		return nil, err
	}

	res, err := r.archive(ctx, projects, m)
	if err == nil && !r.opt.MetadataOnly {
		r.journal.clear(r.hard, r.account, m.Started)
	}
	return res, err
}

// archive captures the projects into a file and commits it. Until then, the
// journal says what the vault has of them.
func (r *run) archive(ctx context.Context, projects []manifest.Project, m manifest.Manifest) (res *Result, err error) {
	go r.journal.keep(r.hard)
	defer func() { r.journal.stop(ctx, err == nil) }()

	file, err := os.CreateTemp(r.opt.TempDir, "cvarchive-*.tar.zst")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file for the archive: %w", err)
	}
	defer func() {
		file.Close()
		os.Remove(file.Name())
	}()
	opt := archive.WriterOptions{TempDir: r.opt.TempDir, ModTime: m.Started}
	if r.writer, err = archive.NewWriter(file, opt); err != nil {
		return nil, err
	}
	if err := r.projects(ctx, projects, &m); err != nil {
		return nil, err
	}
	return r.commit(ctx, file, m)
}

// begin asks the service what the resource has, and the vault what is known of
// it, at the same time.
func (r *run) begin(ctx context.Context, m *manifest.Manifest) (projects []manifest.Project, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	past := make(chan error, 1)
	go func() { past <- r.past(ctx) }()
	if projects, err = r.list(ctx, m); err != nil {
		cancel()
	}
	if failed := <-past; err == nil {
		err = failed
	}
	return projects, err
}

// past reads what earlier runs left in the vault.
func (r *run) past(ctx context.Context) (err error) {
	if !r.opt.MetadataOnly {
		if err := r.journal.read(ctx); err != nil {
			return err
		}
	}
	r.ancestry, err = findAncestry(ctx, r.vault, r.opt.Source, r.warn)
	return err
}

// list lists what the resource has, and chooses.
func (r *run) list(ctx context.Context, m *manifest.Manifest) ([]manifest.Project, error) {
	var asked sync.WaitGroup
	defer asked.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var domains []manifest.Domain
	var domainsErr error
	asked.Go(func() { domains, domainsErr = r.source.Domains(ctx) })
	began := time.Now()
	all, err := r.source.Projects(ctx)
	r.away = time.Since(began)
	if err != nil {
		return nil, fmt.Errorf("list the projects of %s: %w", r.opt.Source.Name, err)
	}
	r.account = make(map[string]bool, len(all))
	for i := range all {
		r.account[strings.ToLower(all[i].ID)] = false
	}
	if len(all) > maxProjects {
		return nil, fmt.Errorf("%s lists %d projects, and an archive holds at most %d; name some with --project", r.opt.Source.Name, len(all), maxProjects)
	}
	all, m.Failures = keepableProjects(all)
	projects, err := choose(all, r.opt.Projects, r.opt.Source.Name)
	if err != nil {
		return nil, err
	}
	asked.Wait()
	if domainsErr != nil {
		m.Failures = append(m.Failures, manifest.FailureOf("domains", domainsErr))
		r.warn("the domains of %s could not be listed: %v", r.opt.Source.Name, domainsErr)
	}
	keep, failed := keepableDomains(domains)
	m.Domains, m.Failures = keep, append(m.Failures, failed...)
	r.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "capture", Total: int64(len(projects))})
	return projects, ctx.Err()
}

func (r *run) warn(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	r.opt.Logger.Warn(message)
	r.opt.Progress.Send(progress.Event{Kind: progress.Warning, Message: message})
}

// projects captures a few projects at a time and writes them in order.
func (r *run) projects(ctx context.Context, projects []manifest.Project, m *manifest.Manifest) error {
	g, gctx := errgroup.WithContext(ctx)
	together := newTogether(r.opt.Parallel, max(r.opt.Parallel, r.opt.small), r.away)
	ready := make([]chan *capture, len(projects))
	for i := range ready {
		ready[i] = make(chan *capture, 1)
	}
	g.Go(func() error {
		for i, p := range projects {
			one, err := together.enter(gctx)
			if err != nil {
				return err
			}
			g.Go(func() error {
				defer one.leave()
				c, err := r.capture(gctx, p, one.described)
				if err != nil {
					return err
				}
				ready[i] <- c
				return nil
			})
		}
		return nil
	})
	var first error // why the first project failed
	usable := 0
	g.Go(func() error {
		for i := range projects {
			select {
			case <-gctx.Done():
				return gctx.Err()
			case c := <-ready[i]:
				outcome, err := r.write(c, m)
				if err != nil {
					return err
				}
				if outcome != manifest.Failed {
					usable++
				} else if first == nil {
					first = fmt.Errorf("project %q: %s", c.project.Name, c.failures[0].Message)
				}
			}
		}
		return nil
	})
	g.Go(func() (err error) {
		m.Parent, err = r.ancestry.parent(gctx)
		return err
	})
	err := g.Wait()
	for _, ch := range ready { // captures that nobody wrote any more
		select {
		case c := <-ch:
			c.close()
		default:
		}
	}
	if err == nil && len(projects) > 0 && usable == 0 {
		err = &NothingCapturedError{Source: r.opt.Source.Name, Err: first}
	}
	return err
}

// write adds one project to the archive.
func (r *run) write(c *capture, m *manifest.Manifest) (manifest.Outcome, error) {
	s := c.state
	if _, err := manifest.EncodeIterations(s.iterations); err != nil {
		for i := range s.iterations {
			s.iterations[i].Performance, s.iterations[i].Models = nil, nil
		}
		c.fail(manifest.FailureOf("performance and models", fmt.Errorf("what the service says of them cannot be kept: %w", err)))
	}
	outcome := c.outcome()
	e := manifest.ProjectEntry{
		ID: c.project.ID, Name: c.project.Name, DomainID: c.project.Settings.DomainID,
		Type: manifest.TypeOf(m.Domains, c.project.Settings.DomainID), Outcome: outcome, Failures: c.failures,
	}
	r.loss.add(c.loss())
	members := archive.ProjectMembers{Project: c.project, Tags: s.tags, Iterations: s.iterations, Export: s.export}
	if err := r.writer.AddProject(e, members, c.spool); err != nil {
		return "", err
	}
	r.account[strings.ToLower(c.project.ID)] = true
	r.items = append(r.items, c.items[:min(len(c.items), MaxItems-len(r.items))]...)
	c.event(progress.Event{Kind: progress.ProjectFinished, Done: c.done, Total: c.done, Message: string(outcome)})
	return outcome, nil
}

// commit finishes the archive and puts it into the vault, as the last thing.
func (r *run) commit(ctx context.Context, file *os.File, m manifest.Manifest) (*Result, error) {
	m.Finished = r.opt.Now().UTC()
	put := r.vault.CommitArchive
	if r.opt.MaxFailures.exceeded(r.loss) {
		put = r.vault.CommitIncomplete
		m.Failures = append(m.Failures, r.loss.failure(r.opt.MaxFailures))
	}
	sum, err := r.writer.Close(m)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a, err := put(r.hard, r.opt.Source.Name, m.Started, m.ID, file)
	unsigned, ok := errors.AsType[*vault.UnsignedError](err)
	if err != nil && !ok {
		return nil, err
	}
	var cause error
	if ok {
		cause = unsigned.Err
	}
	return &Result{Archive: a, Unsigned: cause, SHA256: sum.SHA256, Manifest: &sum.Manifest, Stats: r.tally.stats(), Lost: r.loss.lost, Items: r.items}, nil
}
