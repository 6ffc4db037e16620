package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// wallCase is an account and how far away it is, for the time that operations
// on it take under the rate limit.
type wallCase struct {
	name    string
	rate    float64 // calls a second, of the service and of the program
	latency time.Duration
	link    float64 // bytes a second; 0: no limit
	spec    projectSpec
	restore bool
	alone   bool // it takes a good part of the processors' time
}

func wallCases(b *bench) []wallCase {
	const mbit = 1e6 / 8
	near, far := 5*time.Millisecond, 120*time.Millisecond
	if b.quick {
		return []wallCase{{"near", 200, time.Millisecond, 0, projectSpec{Projects: 2, Images: 300, Size: 1000, Tags: 2, PerImage: 1}, true, false}}
	}
	return []wallCase{
		{"20 projects, near", 10, near, 0, projectSpec{Projects: 20, Images: 260, Size: 1000, Tags: 3, PerImage: 1}, false, false},
		{"20 projects, far", 10, far, 0, projectSpec{Projects: 20, Images: 260, Size: 1000, Tags: 3, PerImage: 1}, false, false},
		{"40 small projects, far", 10, far, 0, projectSpec{Projects: 40, Images: 10, Size: 1000, Tags: 3, PerImage: 1}, false, false},
		{"6 projects, far, 100 Mbit/s", 10, far, 100 * mbit, projectSpec{Projects: 6, Images: 400, Size: 80_000, Tags: 3, PerImage: 1}, true, false},
		{"3 projects, far", 10, far, 0, projectSpec{Projects: 3, Images: 1000, Size: 1000, Tags: 10, PerImage: 1}, true, false},
		{"1 project, far", 10, far, 0, projectSpec{Projects: 1, Images: 26_000, Size: 1000, Tags: 3, PerImage: 1}, false, true},
	}
}

// wallStep is an operation that is measured.
type wallStep struct {
	name, resource string
	grow           int // per cent of new images before it
	args           []string
}

// wallSteps are all of them, in their order.
var wallSteps = []wallStep{
	{"backup", "source", 0, []string{"backup", "source", "--json"}},
	{"unchanged backup", "source", 0, []string{"backup", "source", "--json"}},
	{"backup of 1 % new", "source", 1, []string{"backup", "source", "--json"}},
	{"dry run", "rebuilt", 0, []string{"restore", newest, "--to", "rebuilt", "--mode", "rebuild", "--dry-run"}},
	{"rebuild", "rebuilt", 0, []string{"restore", newest, "--to", "rebuilt", "--mode", "rebuild", "--yes"}},
	{"import", "imported", 0, []string{"restore", newest, "--to", "imported", "--mode", "import", "--yes"}},
}

// row is the name of the row of a step.
func (c wallCase) row(s wallStep) string { return fmt.Sprintf("wall/%s/%s", c.name, s.name) }

// rows are the names of all.
func (c wallCase) rows() (names []string) {
	for _, s := range wallSteps {
		names = append(names, c.row(s))
	}
	return names
}

// wallSection measures how long operations take with the rate limit on,
// against the time that their calls and their bytes take at least, of which
// the longer counts since the two overlap.
func wallSection(ctx context.Context, b *bench) ([]*table, error) {
	t := &table{Title: "Wall clock under the rate limit"}
	t.note("near: every request takes 5 ms, far: 120 ms. The bound is the larger of calls ÷ rate and bytes ÷ link, one latency on top; uploads are counted in base64, and with them what the proof reads back. The accounts are measured at the same time, for they mostly wait; but the last, whose 26,000 images keep the processors busy, is alone.")
	cases := wallCases(b)
	for _, alone := range []bool{false, true} {
		rows := make([]table, len(cases))
		g, ctx := errgroup.WithContext(ctx)
		for i, c := range cases {
			if c.alone != alone || !b.wants(c.rows()...) {
				continue
			}
			g.Go(func() error {
				if err := b.wall(ctx, c, &rows[i]); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		for i := range rows {
			t.Rows = append(t.Rows, rows[i].Rows...)
		}
	}
	return []*table{t}, nil
}

// wall measures the operations on one account, one after the other.
func (b *bench) wall(ctx context.Context, c wallCase, t *table) error {
	c.spec.Name = "wall"
	s, err := b.serve(ctx, serviceSpec{
		Resources: []string{"source", "rebuilt", "imported"}, Projects: []projectSpec{c.spec}, CallsPerSecond: c.rate, Latency: c.latency, Link: c.link,
	})
	if err != nil {
		return err
	}
	defer s.stop()
	dir, err := b.folder("wall")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	h, err := s.home(b, dir, c.rate)
	if err != nil {
		return err
	}
	archive := ""
	for _, step := range wallSteps {
		if step.resource != "source" && !c.restore {
			continue
		}
		if step.grow > 0 {
			if err := s.grow(ctx, step.grow); err != nil {
				return err
			}
		}
		u, got, name, err := h.counted(ctx, s, step.resource, archive, step.args)
		if err != nil {
			return err
		}
		archive = name
		bytes := float64(got.BlobBytes)
		if step.name == "rebuild" {
			bytes += float64(s.Bytes) * 4 / 3
		}
		calls := float64(got.total()) / c.rate
		link := 0.0
		if c.link > 0 {
			link = bytes / c.link
		}
		bound := max(calls, link) + c.latency.Seconds()
		row := t.row(c.row(step))
		row.add("calls", float64(got.total()))
		row.add("MB", bytes/1e6)
		row.add("s", u.Wall.Seconds())
		row.add("least-s", bound)
		row.add("x-least", u.Wall.Seconds()/bound)
		row.add("peak-MiB", float64(u.PeakRSS)/(1<<20))
		if got.total() > 100 {
			row.atMost("x-least", 1.05)
		}
	}
	return nil
}

// counted runs the program, counts the calls of a resource meanwhile, and
// returns the archive that is the newest afterwards.
func (h *home) counted(ctx context.Context, s *service, resource, archive string, args []string) (u usage, got counts, name string, err error) {
	if err := s.reset(ctx); err != nil {
		return u, got, "", err
	}
	args = append([]string(nil), args...)
	for i := range args {
		if args[i] == newest {
			args[i] = archive // "latest" is not, where several are made in a second
		}
	}
	u, out, err := h.run(ctx, args...)
	if err != nil {
		return u, got, "", err
	}
	if args[0] == "backup" {
		archive, err = archiveName(out)
	}
	got, countErr := s.counted(ctx, resource)
	return u, got, archive, errors.Join(err, countErr)
}
