package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// startSection measures what every run costs, and the program's size.
func startSection(ctx context.Context, b *bench) ([]*table, error) {
	t := &table{Title: "Start-up"}
	info, err := os.Stat(b.program)
	if err != nil {
		return nil, err
	}
	t.row("start/size").add("MB", float64(info.Size())/1e6)
	dir, err := b.folder("start")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	vault, archives := filepath.Join(dir, "vault"), pick(b, 1000, 10)
	if _, _, err := b.measured(ctx, command{dir: dir, args: []string{
		b.self, "generate", "-vault", vault, "-images", "20", "-archives", fmt.Sprint(archives),
	}}); err != nil {
		return nil, err
	}
	for range 5 * b.rounds {
		for _, c := range []struct {
			row   string
			limit float64
			args  []string
		}{
			{"start/version", 0.030, []string{"version"}},
			{fmt.Sprintf("start/list of %d archives", archives), 0.200, []string{"list", "--vault", vault}},
		} {
			u, _, err := b.measured(ctx, command{args: append([]string{b.program}, c.args...), dir: dir})
			if err != nil {
				return nil, err
			}
			r := t.row(c.row)
			r.add("s", u.Wall.Seconds())
			r.add("cpu-s", u.CPU.Seconds())
			r.add("peak-MiB", float64(u.PeakRSS)/(1<<20))
			r.atMost("s", c.limit)
		}
	}
	return []*table{t}, nil
}
