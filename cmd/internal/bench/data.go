package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cvarchive/manifest"
	"cvarchive/remote/blobstore/azurite"
	"cvarchive/remote/customvision"
)

// sizeClass is a corpus, so many images of about a size in a few projects,
// and where its vaults are.
type sizeClass struct {
	name     string
	size     int
	images   int
	speed    float64 // of a backup, to a bare loop's, at least
	projects int
	place    placeKind
}

// placeKind is a kind of place for vaults.
type placeKind int

const (
	inScratch placeKind = iota // in memory, if the system has that
	onDisk
	inAzurite
)

// dataSection measures what image bytes pass through, at three sizes.
func dataSection(ctx context.Context, b *bench) ([]*table, error) {
	classes := pick(b, []sizeClass{
		{"25kB", 25_000, 8000, 0.80, 4, inScratch},
		{"500kB", 500_000, 500, 0.90, 4, inScratch},
		{"5MB", 5_000_000, 60, 0.90, 4, inScratch},
		{"25kB on a disk", 25_000, 4000, 0.80, 4, onDisk},
		{"25kB in Azurite", 25_000, 2000, 0.80, 4, inAzurite},
	}, []sizeClass{{"25kB", 25_000, 120, 0.80, 2, inScratch}, {"25kB in Azurite", 25_000, 40, 0.80, 2, inAzurite}})
	var tables []*table
	for _, class := range classes {
		if !b.wants(class.rows()...) {
			continue
		}
		t, err := b.dataClass(ctx, class)
		if err != nil {
			return nil, fmt.Errorf("%s images: %w", class.name, err)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// operations of the data path, in the order of their rows.
var operations = []string{"backup", "unchanged backup", "verify", "copy", "bundle", "restore", "restore to files"}

// rows are the names that rows of the class can have.
func (c sizeClass) rows() (names []string) {
	for _, operation := range operations {
		names = append(names, c.operation(operation)...)
	}
	return names
}

// operation are the names of the rows of one operation.
func (c sizeClass) operation(name string) (names []string) {
	for _, by := range []string{"bare loop", "cvarchive"} {
		names = append(names, c.row(name, by))
	}
	return append(names, c.byPeers(name)...)
}

func (c sizeClass) byPeers(operations ...string) (names []string) {
	for _, operation := range operations {
		for _, p := range peers {
			names = append(names, c.row(operation, p.name))
		}
	}
	return names
}

// row is the name of one.
func (c sizeClass) row(operation, by string) string {
	return fmt.Sprintf("data/%s/%s/%s", c.name, operation, by)
}

// dataRound is one round at one size.
type dataRound struct {
	*bench
	class   sizeClass
	table   *table
	service *service
	links   string // file
	round   int
	cloud   *cloud // nil: vaults are folders
	home    *home
	dir     string           // of everything that the round writes
	bare    string           // where the bare loop stores
	ours    map[string]usage // the program's, by operation
}

func (b *bench) dataClass(ctx context.Context, class sizeClass) (*table, error) {
	spec := serviceSpec{Resources: []string{"source"}, Projects: []projectSpec{{
		Name: "data", Projects: class.projects, Images: class.images / class.projects, Size: class.size, Tags: 10, PerImage: 1,
	}}}
	for round := range 2 * b.rounds { // a bare upload and a restore each
		spec.Resources = append(spec.Resources, fmt.Sprint("target", round))
	}
	s, err := b.serve(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	t := &table{Title: "Data path, images of about " + class.name}
	var c *cloud
	place := "a folder of " + b.scratch
	switch {
	case class.place == inAzurite:
		c, err = b.cloud()
		if errors.Is(err, azurite.ErrMissing) {
			t.note("Not measured: %v.", err)
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		defer c.stop()
		place = "Azurite, of which each round uses its own container; one Node thread serves all of it, so that the ratio shows the economy of requests and not the speed of Azure"
	case class.place == onDisk:
		place = "a folder of " + os.TempDir()
	case b.memory:
		place = "memory (/dev/shm)"
	}
	t.note("%d images, %.0f MB, in %d projects; vaults in %s.", s.Images, float64(s.Bytes)/1e6, class.projects, place)
	links := filepath.Join(b.scratch, "links-"+class.name)
	if err := s.links(ctx, links); err != nil {
		return nil, err
	}
	for round := range b.rounds {
		b.logf("data: %s, round %d of %d", class.name, round+1, b.rounds)
		r := &dataRound{bench: b, class: class, table: t, service: s, links: links, round: round, cloud: c, ours: map[string]usage{}}
		if err := r.run(ctx); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(t.Rows, func(a, b *row) int {
		return cmp.Compare(slices.Index(operations, strings.Split(a.Name, "/")[2]), slices.Index(operations, strings.Split(b.Name, "/")[2]))
	})
	return t, nil
}

func (r *dataRound) run(ctx context.Context) (err error) {
	if r.dir, err = r.folder("data"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	parent := r.dir
	if r.class.place == onDisk {
		if parent, err = os.MkdirTemp("", "cvarchive-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(parent)) }()
	}
	vault := filepath.Join(parent, "vault")
	r.bare = filepath.Join(parent, "bare")
	if r.cloud == nil {
		err = os.Mkdir(r.bare, 0o755)
	} else {
		vault, r.bare, err = r.cloud.containers(ctx)
	}
	if err != nil {
		return err
	}
	if r.home, err = r.bench.home(r.service, vault, noLimit, r.cloud); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.home.dir)) }()
	for _, step := range r.steps() {
		if !r.wants(step.rows...) {
			continue
		}
		if err := step.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// dataStep is a part of a round.
type dataStep struct {
	rows []string // that it is for; any of them asks for it
	run  func(context.Context) error
}

// steps are those that are measured at this size, in this place. Whatever
// comes after the backup needs it.
func (r *dataRound) steps() []dataStep {
	c := r.class
	steps := []dataStep{{c.rows(), r.backup}, {c.operation("verify"), r.verify}}
	switch c.place {
	case onDisk:
		return steps
	case inAzurite:
		return append(steps, dataStep{c.byPeers(operations...), r.peers})
	}
	steps = append(steps, dataStep{c.operation("copy"), r.copy}, dataStep{c.operation("bundle"), r.bundle})
	if c.size < 1_000_000 { // larger ones are as those before, and take long
		steps = append(steps, dataStep{c.byPeers(operations...), r.peers})
	}
	return append(steps, dataStep{c.operation("restore"), r.restore})
}

// bareLoop runs a bare loop with the credential of the vault.
func (r *dataRound) bareLoop(ctx context.Context, args ...string) (usage, []byte, error) {
	c := command{args: append([]string{r.self, "bare"}, args...), dir: r.dir}
	if r.cloud != nil {
		c.env = r.cloud.env()
	}
	return r.measured(ctx, c)
}

// took notes what one process took for all images.
func (r *dataRound) took(operation, by string, u usage) *row {
	n, bytes := float64(r.service.Images), float64(r.service.Bytes)
	row := r.table.row(r.class.row(operation, by))
	row.add("s", u.Wall.Seconds())
	row.add("images/s", n/u.Wall.Seconds())
	row.add("MB/s", bytes/1e6/u.Wall.Seconds())
	row.add("cpu-us/image", u.CPU.Seconds()*1e6/n)
	row.add("peak-MiB", float64(u.PeakRSS)/(1<<20))
	return row
}

// against runs the bare loop and the program, in turns of who is first, and
// notes both and their ratios.
func (r *dataRound) against(ctx context.Context, operation string, bare, ours func(context.Context) (usage, []byte, error)) (*row, error) {
	var b, o usage
	var err error
	runs := []func() error{
		func() error { b, _, err = bare(ctx); return err },
		func() error { o, _, err = ours(ctx); return err },
	}
	for i := range runs {
		if err := runs[(i+r.round)%2](); err != nil {
			return nil, err
		}
	}
	r.took(operation, "bare loop", b)
	r.ours[operation] = o
	row := r.took(operation, "cvarchive", o)
	row.add("x-bare-speed", b.Wall.Seconds()/o.Wall.Seconds())
	row.add("x-bare-cpu", o.CPU.Seconds()/b.CPU.Seconds())
	row.atMost("peak-MiB", 128)
	return row, nil
}

func (r *dataRound) backup(ctx context.Context) error {
	row, err := r.against(ctx, "backup", func(ctx context.Context) (usage, []byte, error) {
		return r.bareLoop(ctx, "download", "-from", r.links, "-to", r.bare)
	}, func(ctx context.Context) (usage, []byte, error) {
		return r.home.run(ctx, "backup", "source")
	})
	if err != nil {
		return err
	}
	row.atLeast("x-bare-speed", r.class.speed)
	row.atMost("x-bare-cpu", 1.3)
	u, _, err := r.home.run(ctx, "backup", "source")
	if err != nil {
		return err
	}
	r.ours["unchanged backup"] = u
	r.took("unchanged backup", "cvarchive", u).atMost("peak-MiB", 128)
	return nil
}

func (r *dataRound) verify(ctx context.Context) error {
	row, err := r.against(ctx, "verify", func(ctx context.Context) (usage, []byte, error) {
		return r.bareLoop(ctx, "read", "-from", r.bare)
	}, func(ctx context.Context) (usage, []byte, error) {
		return r.home.run(ctx, "verify", "latest", "--read-data")
	})
	if err != nil {
		return err
	}
	row.atLeast("x-bare-speed", 0.90)
	row.atMost("x-bare-cpu", 1.3)
	return nil
}

func (r *dataRound) copy(ctx context.Context) error {
	bare, ours := filepath.Join(r.dir, "bare-copy"), filepath.Join(r.dir, "copy")
	if err := os.Mkdir(bare, 0o755); err != nil {
		return err
	}
	_, err := r.against(ctx, "copy", func(ctx context.Context) (usage, []byte, error) {
		return r.bareLoop(ctx, "copy", "-from", r.bare, "-to", bare)
	}, func(ctx context.Context) (usage, []byte, error) {
		return r.home.run(ctx, "copy", "latest", "--to", ours)
	})
	return errors.Join(err, os.RemoveAll(bare), os.RemoveAll(ours))
}

func (r *dataRound) bundle(ctx context.Context) error {
	bare, ours := filepath.Join(r.dir, "bare-bundle"), filepath.Join(r.dir, "bundle")
	_, err := r.against(ctx, "bundle", func(ctx context.Context) (usage, []byte, error) {
		return r.bareLoop(ctx, "bundle", "-from", r.bare, "-to", bare)
	}, func(ctx context.Context) (usage, []byte, error) {
		return r.home.run(ctx, "bundle", "latest", "--out", ours)
	})
	return errors.Join(err, os.RemoveAll(bare), os.RemoveAll(ours))
}

// restore uploads everything into an empty resource and reads it back.
func (r *dataRound) restore(ctx context.Context) error {
	bare, ours := fmt.Sprint("target", 2*r.round), fmt.Sprint("target", 2*r.round+1)
	client, err := customvision.New(customvision.Options{
		Name: bare, Endpoint: r.service.url + "/" + bare, TrainingKey: manifest.NewSecret(trainingKey), CallsPerSecond: -1,
	})
	if err != nil {
		return err
	}
	project, err := client.CreateProject(ctx, manifest.NewProject{Name: "bare", DomainID: generalDomain, ClassificationType: "Multilabel"})
	if err != nil {
		return err
	}
	_, err = r.against(ctx, "restore", func(ctx context.Context) (usage, []byte, error) {
		return r.bareLoop(ctx, "upload", "-from", r.bare, "-endpoint", r.service.url+"/"+bare, "-project", project.ID)
	}, func(ctx context.Context) (usage, []byte, error) {
		return r.home.run(ctx, "restore", "latest", "--to", ours, "--mode", "rebuild", "--yes")
	})
	return err
}
