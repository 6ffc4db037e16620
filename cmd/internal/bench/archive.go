package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"cvarchive/remote/blobstore/azurite"
)

// archiveSection measures the archive file: its size, its speed, and what it
// takes to reach one project in a large one.
func archiveSection(ctx context.Context, b *bench) ([]*table, error) {
	t := &table{Title: "Archive"}
	t.note("Records with three regions, one tag, and metadata on three of ten. Encoding and decoding are those of a whole archive, by processor time, with one core to run on.")
	if err := b.codec(ctx, t); err != nil {
		return nil, err
	}
	l, err := b.large(ctx)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(l.dir)
	return []*table{t}, errors.Join(l.firstRecords(ctx, t), l.diff(ctx, t))
}

func (b *bench) codec(ctx context.Context, t *table) error {
	dir, err := b.folder("codec")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for range b.rounds {
		var c codecTimes
		if err := b.printed(ctx, &c, dir, nil, "codec", "-records", fmt.Sprint(pick(b, 100_000, 1000))); err != nil {
			return err
		}
		size := t.row("archive/size")
		size.add("B/record", float64(c.Size)/float64(c.Records))
		size.atMost("B/record", 200)
		encode, decode := t.row("archive/encode"), t.row("archive/decode")
		encode.add("records/s", float64(c.Records)/c.Encode.Seconds())
		encode.atLeast("records/s", 300_000)
		decode.add("records/s", float64(c.Records)/c.Decode.Seconds())
		decode.atLeast("records/s", 250_000)
	}
	return nil
}

// printed runs a mode of the harness and reads the JSON value that it
// prints last.
func (b *bench) printed(ctx context.Context, into any, dir string, env []string, args ...string) error {
	_, out, err := b.measured(ctx, command{args: append([]string{b.self}, args...), dir: dir, env: env})
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], into); err != nil {
		return fmt.Errorf("read what %s printed: %w", args[0], err)
	}
	return nil
}

// large is a vault with two large archives of the same account.
type large struct {
	*bench
	dir, vault       string
	projects, images int
	archives         []string
}

func (b *bench) large(ctx context.Context) (_ *large, err error) {
	l := &large{bench: b, projects: 100, images: pick(b, 10_000, 10)}
	if b.full {
		l.images = 100_000
	}
	if l.dir, err = b.folder("large"); err != nil {
		return nil, err
	}
	l.vault = filepath.Join(l.dir, "vault")
	_, out, err := b.measured(ctx, command{dir: l.dir, args: []string{
		b.self, "generate", "-vault", l.vault, "-projects", fmt.Sprint(l.projects), "-images", fmt.Sprint(l.images), "-archives", "2",
	}})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(l.dir))
	}
	for line := range bytes.Lines(out) {
		var g generated
		if err := json.Unmarshal(line, &g); err != nil {
			return nil, fmt.Errorf("read what generate printed: %w", err)
		}
		l.archives = append(l.archives, g.Name)
	}
	return l, nil
}

// count is the number of records, as a row's name has it.
func (l *large) count() string { return count(l.projects * l.images) }

// count is a number as a row's name has it.
func count(n int) string {
	switch {
	case n >= 1_000_000:
		return fmt.Sprint(n/1_000_000, "M")
	case n >= 1000:
		return fmt.Sprint(n/1000, "k")
	}
	return fmt.Sprint(n)
}

// firstRecords opens one project of a large archive, in a folder and in
// Azurite.
func (l *large) firstRecords(ctx context.Context, t *table) error {
	places := []place{{"directory", l.vault, nil}}
	cloud, err := l.cloud()
	switch {
	case errors.Is(err, azurite.ErrMissing):
		t.note("Azurite: %v.", err)
	case err != nil:
		return err
	default:
		defer cloud.stop()
		address, err := cloud.container(ctx)
		if err != nil {
			return err
		}
		if _, _, err := l.measured(ctx, command{dir: l.dir, env: cloud.env(), args: []string{l.self, "generate", "-vault", address, "-from", l.vault}}); err != nil {
			return err
		}
		places = append(places, place{"Azurite", address, cloud.env()})
	}
	for _, p := range places {
		for round := range l.rounds {
			var f firstRecord
			if err := l.printed(ctx, &f, l.dir, p.env, "first", "-vault", p.address, "-project", fmt.Sprint((37*round+50)%l.projects)); err != nil {
				return err
			}
			row := t.row(fmt.Sprintf("archive/first of %s records/%s", l.count(), p.name))
			row.add("s", f.Wall.Seconds())
			row.add("range-requests", float64(f.Requests))
			row.add("kB-read", float64(f.Bytes)/1000)
			row.atMost("range-requests", 4)
		}
	}
	return nil
}

// place is where a vault is.
type place struct {
	name, address string
	env           []string
}

// diff compares the two archives.
func (l *large) diff(ctx context.Context, t *table) error {
	u, _, err := l.measured(ctx, command{args: append([]string{l.program, "diff", "--vault", l.vault}, l.archives...), dir: l.dir, ok: []int{3}})
	if err != nil {
		return err
	}
	row := t.row(fmt.Sprintf("archive/diff of two of %s records", l.count()))
	row.add("s", u.Wall.Seconds())
	row.add("records/s", float64(l.projects*l.images)/u.Wall.Seconds())
	row.add("cpu-s", u.CPU.Seconds())
	row.add("peak-MiB", float64(u.PeakRSS)/(1<<20))
	row.atMost("peak-MiB", 128)
	return nil
}
