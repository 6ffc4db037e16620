package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// memoryGoal is what a command may take at any size, in MiB.
const memoryGoal = 128

// memorySection measures the peak memory of every command, by the number of
// image records.
func memorySection(ctx context.Context, b *bench) ([]*table, error) {
	t := &table{Title: "Peak memory of each command"}
	t.note("k and M: thousands and millions of image records, in one project; images of about 1 kB, so that nothing but the number counts. The data path has the memory with large images.")
	for _, images := range pick(b, []int{1000, 100_000}, []int{100}) {
		if err := b.stored(ctx, t, images); err != nil {
			return nil, err
		}
	}
	if b.quick {
		return []*table{t}, b.generated(ctx, t, 3, 400)
	}
	if b.full {
		t.note("10M: 100 projects of 100,000 images whose records are made up. The backups and the copy are of the records alone, the others read archives that name ten million objects, none of which is there.")
		if err := b.generated(ctx, t, 100, 100_000); err != nil {
			return nil, err
		}
	}
	return []*table{t}, nil
}

// step is a command of the program.
type step struct {
	name   string
	args   []string
	status []int // that are no failure, besides 0 and 3
}

// step measures a command, and returns what it printed.
func (h *home) step(ctx context.Context, t *table, records int, s step) (out []byte, err error) {
	if !h.knows(ctx, s.args) {
		t.note("%s: this program has no such command.", s.name)
		return nil, nil
	}
	h.b.logf("memory: %s of %s records", s.name, count(records))
	u, out, err := h.b.measured(ctx, command{args: append([]string{h.b.program}, s.args...), dir: h.dir, env: h.env, ok: append(s.status, 3)})
	if err != nil {
		return nil, err
	}
	row := t.row("memory/" + s.name)
	row.add(count(records)+"-MiB", float64(u.PeakRSS)/(1<<20))
	row.atMost(count(records)+"-MiB", memoryGoal)
	return out, nil
}

// steps measures commands that leave each other alone, two at a time: only
// their memory counts.
func (h *home) steps(ctx context.Context, t *table, records int, steps ...step) error {
	parts := make([]table, len(steps))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for i, s := range steps {
		g.Go(func() error {
			_, err := h.step(ctx, &parts[i], records, s)
			return err
		})
	}
	err := g.Wait()
	for i := range parts {
		t.merge(&parts[i])
	}
	return err
}

// knows reports whether the program has a command and its flags, so that an
// older commit can be measured too.
func (h *home) knows(ctx context.Context, args []string) bool {
	_, help, err := h.run(ctx, args[0], "--help")
	for _, arg := range args[1:] {
		if err == nil && strings.HasPrefix(arg, "--") && !bytes.Contains(help, []byte(arg+" ")) && !bytes.Contains(help, []byte(arg+", ")) {
			return false
		}
	}
	return err == nil
}

// backup measures a backup, and returns the name of the archive.
func (h *home) backup(ctx context.Context, t *table, records int, name string, flags ...string) (string, error) {
	out, err := h.step(ctx, t, records, step{name, append([]string{"backup", "source", "--json"}, flags...), nil})
	if err != nil {
		return "", err
	}
	return archiveName(out)
}

// stored runs every command on an account of one project.
func (b *bench) stored(ctx context.Context, t *table, images int) error {
	s, err := b.serve(ctx, serviceSpec{Resources: []string{"source", "target", "imported", "empty"}, Projects: []projectSpec{{
		Name: "memory", Projects: 1, Images: images, Size: 1000, Tags: 20, Boxes: 3, Metadata: 3,
	}}, Boundless: true})
	if err != nil {
		return err
	}
	defer s.stop()
	dir, err := b.folder("memory")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	h, err := s.home(b, dir, noLimit)
	if err != nil {
		return err
	}
	first, err := h.backup(ctx, t, images, "backup")
	if err != nil {
		return err
	}
	if err := s.grow(ctx, 1); err != nil {
		return err
	}
	second, err := h.backup(ctx, t, images, "backup of 1 % new")
	if err != nil {
		return err
	}
	bundle, unbundled := filepath.Join(dir, "bundle"), filepath.Join(dir, "unbundled")
	if err := h.steps(ctx, t, images,
		step{"restore", []string{"restore", second, "--to", "target", "--mode", "rebuild", "--yes"}, nil},
		step{"copy", []string{"copy", second, "--to", filepath.Join(dir, "copy")}, nil},
		step{"list", []string{"list"}, nil},
		step{"inspect", []string{"inspect", second}, nil},
		step{"verify", []string{"verify", second}, nil},
		step{"verify --read-data", []string{"verify", second, "--read-data"}, nil},
		step{"diff", []string{"diff", first, second}, nil},
		step{"diff --live", []string{"diff", second, "--live", "source"}, nil},
		step{"repair", []string{"repair", second}, nil},
		step{"bundle", []string{"bundle", second, "--out", bundle}, nil},
		step{"restore --mode import", []string{"restore", second, "--to", "imported", "--mode", "import", "--yes"}, nil},
		step{"restore --dry-run", []string{"restore", second, "--to", "empty", "--mode", "rebuild", "--dry-run"}, nil},
	); err != nil {
		return err
	}
	return h.steps(ctx, t, images,
		step{"verify --against", []string{"verify", second, "--against", "target"}, nil},
		step{"unbundle", []string{"unbundle", bundle, "--vault", unbundled}, nil},
		step{"prune", []string{"prune", "--keep-last", "1", "--grace", "0"}, nil},
	)
}

// generated runs the commands that need no bytes on records that are made up.
func (b *bench) generated(ctx context.Context, t *table, projects, images int) error {
	s, err := b.serve(ctx, serviceSpec{Resources: []string{"source", "target"}, MadeUp: &madeUpSpec{projects, images}})
	if err != nil {
		return err
	}
	defer s.stop()
	dir, err := b.folder("memory")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	h, err := s.home(b, dir, noLimit)
	if err != nil {
		return err
	}
	records := projects * images
	for _, name := range []string{"backup --metadata-only", "unchanged backup --metadata-only"} {
		if _, err := h.backup(ctx, t, records, name, "--metadata-only"); err != nil {
			return err
		}
	}
	if err := h.steps(ctx, t, records, step{"copy", []string{"copy", "latest", "--to", filepath.Join(dir, "copy")}, nil}); err != nil {
		return err
	}
	vault := filepath.Join(dir, "named")
	_, out, err := b.measured(ctx, command{dir: dir, args: []string{
		b.self, "generate", "-vault", vault, "-projects", fmt.Sprint(projects), "-images", fmt.Sprint(images), "-archives", "2",
	}})
	if err != nil {
		return err
	}
	var names []string
	for line := range bytes.Lines(out) {
		var g generated
		if err := json.Unmarshal(line, &g); err != nil {
			return fmt.Errorf("read what generate printed: %w", err)
		}
		names = append(names, g.Name)
	}
	at := func(args ...string) []string { return append(args, "--vault", vault) }
	if err := h.steps(ctx, t, records,
		step{"list", at("list"), nil},
		step{"inspect", at("inspect", names[1]), nil},
		step{"verify", at("verify", names[1]), []int{1, 4}},
		step{"verify --chain", at("verify", names[1], "--chain"), []int{1, 4}},
		step{"export", at("export", names[1], "--models", filepath.Join(dir, "models")), nil},
		step{"diff", at("diff", names[0], names[1]), nil},
		step{"restore --dry-run", at("restore", names[1], "--to", "target", "--mode", "rebuild", "--dry-run"), []int{4}},
	); err != nil {
		return err
	}
	if err := h.steps(ctx, t, records, step{"prune --dry-run", at("prune", "--keep-last", "1", "--dry-run"), nil}); err != nil {
		return err
	}
	return h.steps(ctx, t, records, step{"prune", at("prune", "--keep-last", "1", "--grace", "0"), nil})
}
