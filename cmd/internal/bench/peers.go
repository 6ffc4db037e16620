package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// peers are the programs that the data path is compared with.
var peers = []struct {
	name string
	does string
	run  func(r *dataRound, ctx context.Context, p *peer) error
}{
	{"restic", "chunks, encrypts, keeps history, syncs its packs, checks all of it; downloads nothing", (*dataRound).restic},
	{"rsync", "copies files as they are, no digests but with -c, no history, no sync; downloads nothing", (*dataRound).rsync},
	{"zstd", "(tar | zstd -3) one file, a checksum of 32 bits, no history, no sync, all again each time; downloads nothing", (*dataRound).tarZstd},
}

// peer is one of them at work in a round.
type peer struct {
	name string
	dir  string
	env  []string
}

// peers measures what is on the machine, over the files that the bare loop
// stored: the pictures of the account, on disk already.
func (r *dataRound) peers(ctx context.Context) error {
	for _, p := range peers {
		if r.quick && p.name == "restic" {
			continue // deriving its keys takes longer than all the rest
		}
		if p.name != "restic" && r.round > 0 {
			continue // they are there to be looked at, without a ratio
		}
		if _, err := exec.LookPath(p.name); err != nil {
			r.table.note("%s is not on this machine.", p.name)
			continue
		}
		r.table.note("%s: %s.", p.name, p.does)
		dir := filepath.Join(r.dir, p.name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := errors.Join(p.run(r, ctx, &peer{name: p.name, dir: dir}), os.RemoveAll(dir)); err != nil {
			return err
		}
	}
	return nil
}

// peer measures one command of a peer, and how the program compares with it
// if it has done the same.
func (r *dataRound) peer(ctx context.Context, p *peer, operation string, args ...string) error {
	u, _, err := r.measured(ctx, command{args: args, dir: p.dir, env: p.env})
	if err != nil {
		return err
	}
	r.took(operation, p.name, u)
	ours, ok := r.ours[operation]
	if p.name != "restic" || !ok {
		return nil
	}
	row := r.table.row(r.class.row(operation, "cvarchive"))
	row.add("x-restic-time", ours.Wall.Seconds()/u.Wall.Seconds())
	row.add("x-restic-peak", float64(ours.PeakRSS)/float64(u.PeakRSS))
	row.atMost("x-restic-time", map[string]float64{"backup": 0.6, "unchanged backup": 0.3, "verify": 0.5}[operation])
	row.atMost("x-restic-peak", 0.8)
	return nil
}

func (r *dataRound) restic(ctx context.Context, p *peer) error {
	p.env = []string{"RESTIC_PASSWORD=bench", "RESTIC_REPOSITORY=" + filepath.Join(p.dir, "repository"), "RESTIC_CACHE_DIR=" + filepath.Join(p.dir, "cache")}
	if _, _, err := r.measured(ctx, command{args: []string{"restic", "init"}, dir: p.dir, env: p.env}); err != nil {
		return err
	}
	return errors.Join(
		r.peer(ctx, p, "backup", "restic", "backup", "-q", r.bare),
		r.peer(ctx, p, "unchanged backup", "restic", "backup", "-q", r.bare),
		r.peer(ctx, p, "verify", "restic", "check", "--read-data"),
		r.peer(ctx, p, "restore to files", "restic", "restore", "latest", "--target", filepath.Join(p.dir, "restored")),
	)
}

func (r *dataRound) rsync(ctx context.Context, p *peer) error {
	copied := filepath.Join(p.dir, "copy")
	return errors.Join(
		r.peer(ctx, p, "backup", "rsync", "-a", r.bare+"/", copied),
		r.peer(ctx, p, "unchanged backup", "rsync", "-a", r.bare+"/", copied),
		r.peer(ctx, p, "verify", "rsync", "-anc", r.bare+"/", copied),
		r.peer(ctx, p, "restore to files", "rsync", "-a", copied+"/", filepath.Join(p.dir, "restored")),
	)
}

func (r *dataRound) tarZstd(ctx context.Context, p *peer) error {
	file, restored := filepath.Join(p.dir, "all.tar.zst"), filepath.Join(p.dir, "restored")
	if err := os.Mkdir(restored, 0o755); err != nil {
		return err
	}
	pipe := func(parts ...string) []string { return []string{"sh", "-c", strings.Join(parts, " | ")} }
	return errors.Join(
		r.peer(ctx, p, "backup", pipe("tar cf - -C "+r.bare+" .", "zstd -3 -q -o "+file)...),
		r.peer(ctx, p, "verify", "zstd", "-q", "-t", file),
		r.peer(ctx, p, "restore to files", pipe("zstd -q -dc "+file, "tar xf - -C "+restored)...),
	)
}
