package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// labels are the patterns of tags and regions of the grid.
var labels = []struct {
	name string
	spec projectSpec
}{
	{"no tags", projectSpec{}},
	{"1 tag of 5", projectSpec{Tags: 5, PerImage: 1}},
	{"3 boxes of 10", projectSpec{Tags: 10, Boxes: 3}},
	{"1 tag of 50", projectSpec{Tags: 50, PerImage: 1}},
}

// metadata are the patterns of metadata of the grid, see
// [projectSpec.Metadata].
var metadata = []struct {
	name  string
	kinds int
}{{"none", 0}, {"3 values", 3}, {"unique", -1}}

// cell is one account of the grid.
type cell struct {
	labels, metadata string
	spec             projectSpec
}

func grid(b *bench) []cell {
	var cells []cell
	for _, size := range pick(b, [][2]int{{1, 64}, {3, 64}, {1, 257}, {3, 257}, {1, 1000}}, [][2]int{{2, 70}}) {
		for _, l := range labels {
			for _, m := range metadata {
				if m.kinds < 0 && size[1] > 300 {
					continue // as 257, and takes long
				}
				s := l.spec
				s.Name, s.Projects, s.Images, s.Size, s.Metadata = "grid", size[0], size[1], 1000, m.kinds
				cells = append(cells, cell{l.name, m.name, s})
			}
		}
	}
	if b.quick {
		return cells[len(cells)-2:]
	}
	return cells
}

// callsSection counts calls of the Training API over a grid of accounts.
func callsSection(ctx context.Context, b *bench) ([]*table, error) {
	cells := grid(b)
	t := &table{Title: "Calls of the Training API"}
	t.note("Sums over %d accounts: projects × images × tags × metadata. The bound is computed from the service's page and batch sizes; worst is the largest ratio of one account.", len(cells))
	c := &counting{table: t}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2) // nothing is timed here
	for _, cell := range cells {
		home, err := b.folder("calls")
		if err != nil {
			return nil, err
		}
		g.Go(func() error {
			if err := c.count(ctx, b, cell, home); err != nil {
				return fmt.Errorf("%+v: %w", cell.spec, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	c.finish()
	return []*table{t}, nil
}

// counting collects what was counted.
type counting struct {
	table *table
	mu    sync.Mutex
	tally map[string]*tally
}

// tally sums up one row.
type tally struct {
	accounts, calls, bound int
	worst                  float64
	example                string // the worst
}

// add notes the calls of one operation on one account.
func (c *counting) add(row string, cell cell, got counts, bound int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tally == nil {
		c.tally = map[string]*tally{}
	}
	t := c.tally[row]
	if t == nil {
		t = &tally{}
		c.tally[row] = t
	}
	t.accounts++
	t.calls += got.total()
	t.bound += bound
	ratio := float64(got.total()) / float64(bound)
	if ratio > max(t.worst, 1) || ratio < 1 {
		t.example = fmt.Sprintf("%s of %d × %d images, %s, metadata %s: %d calls where the bound is %d: %s",
			row, cell.spec.Projects, cell.spec.Images, cell.labels, cell.metadata, got.total(), bound, got)
	}
	t.worst = max(t.worst, ratio)
}

func (c *counting) finish() {
	for _, name := range slices.Sorted(maps.Keys(c.tally)) {
		t, r := c.tally[name], c.table.row(name)
		r.add("accounts", float64(t.accounts))
		r.add("calls", float64(t.calls))
		r.add("least-calls", float64(t.bound))
		r.add("x-least", float64(t.calls)/float64(t.bound))
		r.add("x-worst", t.worst)
		r.atMost("x-worst", 1)
	}
	for _, name := range slices.Sorted(maps.Keys(c.tally)) {
		if text := c.tally[name].example; text != "" {
			c.table.note("%s", text)
		}
	}
}

// count runs every operation on one account.
func (c *counting) count(ctx context.Context, b *bench, cell cell, dir string) error {
	s, err := b.serve(ctx, serviceSpec{Resources: []string{"source", "rebuilt", "imported"}, Projects: []projectSpec{cell.spec}})
	if err != nil {
		return err
	}
	defer s.stop()
	h, err := s.home(b, dir, noLimit)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive := ""
	rebuilds := fmt.Sprintf("calls/rebuild/%s/metadata %s", cell.labels, cell.metadata)
	for _, step := range []struct {
		row, resource string
		bound         func(spec projectSpec, images int) int
		args          []string
	}{
		{"calls/backup", "source", leastBackup, []string{"backup", "source", "--json"}},
		{"calls/unchanged backup", "source", leastBackup, []string{"backup", "source", "--json"}},
		{"calls/backup of 1 % new", "source", leastBackup, []string{"backup", "source", "--json"}},
		{"calls/dry run", "rebuilt", func(projectSpec, int) int { return leastPlan }, []string{"restore", newest, "--to", "rebuilt", "--mode", "rebuild", "--dry-run"}},
		{rebuilds, "rebuilt", leastRebuild, []string{"restore", newest, "--to", "rebuilt", "--mode", "rebuild", "--yes"}},
		{"calls/import", "imported", leastImport, []string{"restore", newest, "--to", "imported", "--mode", "import", "--yes"}},
	} {
		if step.row == "calls/backup of 1 % new" {
			if err := s.grow(ctx, 1); err != nil {
				return err
			}
		}
		_, got, name, err := h.counted(ctx, s, step.resource, archive, step.args)
		if err != nil {
			return err
		}
		archive = name
		c.add(step.row, cell, got, step.bound(cell.spec, s.Images/cell.spec.Projects))
	}
	return nil
}

// newest stands for the archive that was made last.
const newest = "NEWEST"

// archiveName reads the name of the archive from what backup --json prints.
func archiveName(out []byte) (string, error) {
	var last struct{ Archive string }
	for line := range bytes.Lines(out) {
		if err := json.Unmarshal(line, &last); err != nil {
			return "", fmt.Errorf("read what backup printed: %w", err)
		}
	}
	return last.Archive, nil
}

// home makes the configuration of a service in a folder, the vault in it too.
func (s *service) home(b *bench, dir string, rate float64) (*home, error) {
	return b.homeIn(dir, s, filepath.Join(dir, "vault"), rate, nil)
}

// The least calls that an operation can take, in terms of what the API
// answers at once and takes at once.

// leastPlan: what a restore can be planned with: GetDomains, GetProjects.
const leastPlan = 2

func ceil(a, b int) int { return (a + b - 1) / b }

// leastBackup: GetDomains and GetProjects; of each project GetTags,
// GetIterations, ExportProject, which tells how many pages of images there
// are, and those; and GetProject, which tells whether it changed while several
// pages were listed.
func leastBackup(s projectSpec, images int) int {
	pages := ceil(images, manifest.MaxPage)
	if pages > 1 {
		pages++
	}
	return 2 + s.Projects*(3+pages)
}

// leastRebuild: the plan; of each project CreateProject, UpdateProject for the
// settings that CreateProject does not take, a call for each tag, the fewest
// that create and label the images, and the proof.
func leastRebuild(s projectSpec, images int) int {
	f := &filled{spec: s}
	var tags []manifest.Tag
	for i := range s.Tags {
		tags = append(tags, manifest.Tag{ID: fmt.Sprint("tag-", i), Name: fmt.Sprint("tag ", i), Type: manifest.TagRegular})
		f.tags = append(f.tags, tags[i].ID)
	}
	var settings manifest.ProjectSettings // as the simulator's projects have them
	settings.ImageProcessingSettings = &manifest.ImageProcessingSettings{AugmentationMethods: map[string]bool{"rotation": true}}
	content := plan.NewContent(manifest.Project{Settings: settings}, tags)
	for ; f.images < images; f.images++ {
		content.Add(f.newcomer(uint64(f.images)).record())
	}
	return leastPlan + s.Projects*(content.LowerBound()+leastProof(images))
}

// leastImport: the plan; of each project ImportProject, and the proof, whose
// GetProject tells that the import is done, and that looks for the iterations
// too.
func leastImport(s projectSpec, images int) int {
	return leastPlan + s.Projects*(1+leastProof(images)+1)
}

// leastProof: GetProject, GetTags, and pages of images until one is not full.
func leastProof(images int) int { return 2 + images/manifest.MaxPage + 1 }
