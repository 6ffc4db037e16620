package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"cvarchive/remote/blobstore/azurite"
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
		if p.name != "restic" && (r.round > 0 || r.cloud != nil) {
			continue // they are there to be looked at, without a ratio, and know folders only
		}
		if _, err := exec.LookPath(p.name); err != nil {
			r.table.note("%s is not on this machine.", p.name)
			continue
		}
		if r.cloud != nil && !r.cloud.wellKnown {
			r.table.note("%s is not measured: it looks for an emulator on a port that something else has.", p.name)
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
	if r.cloud != nil {
		return nil // an object a file and packs of 16 MiB: that is another trade
	}
	row.atMost("x-restic-time", map[string]float64{"backup": 0.6, "unchanged backup": 0.3, "verify": 0.5}[operation])
	row.atMost("x-restic-peak", 0.8)
	return nil
}

func (r *dataRound) restic(ctx context.Context, p *peer) error {
	p.env = []string{"RESTIC_PASSWORD=bench", "RESTIC_CACHE_DIR=" + filepath.Join(p.dir, "cache")}
	repository, pictures, options := filepath.Join(p.dir, "repository"), r.bare, []string(nil)
	if r.cloud != nil {
		var err error
		if repository, options, err = r.resticInCloud(ctx, p); err != nil {
			return err
		}
		if pictures, err = r.pictures(ctx, p.dir); err != nil {
			return err
		}
	}
	p.env = append(p.env, "RESTIC_REPOSITORY="+repository)
	restic := func(args ...string) []string { return append(append([]string{"restic"}, options...), args...) }
	begun, cancel := context.WithTimeout(ctx, resticStart)
	defer cancel()
	if _, _, err := r.measured(begun, command{args: restic("init"), dir: p.dir, env: p.env}); err != nil {
		if r.cloud != nil && ctx.Err() == nil {
			r.table.note("This restic cannot use the emulator: %v.", err)
			return nil
		}
		return err
	}
	return errors.Join(
		r.peer(ctx, p, "backup", restic("backup", "-q", pictures)...),
		r.peer(ctx, p, "unchanged backup", restic("backup", "-q", pictures)...),
		r.peer(ctx, p, "verify", restic("check", "--read-data")...),
		r.peer(ctx, p, "restore to files", restic("restore", "latest", "--target", filepath.Join(p.dir, "restored"))...),
	)
}

// resticStart bounds how long it may take to make a repository: it would ask a
// service that refuses it again and again.
const resticStart = time.Minute

// resticInCloud returns a new repository in the emulated Blob Storage, and what
// restic has to be told to use it.
func (r *dataRound) resticInCloud(ctx context.Context, p *peer) (repository string, options []string, err error) {
	url, err := r.cloud.container(ctx)
	if err != nil {
		return "", nil, err
	}
	p.env = append(p.env, "AZURE_ACCOUNT_NAME="+azurite.Account, "AZURE_ACCOUNT_KEY="+r.cloud.server.Key)
	known, err := exec.CommandContext(ctx, "restic", "options").Output()
	if err != nil {
		return "", nil, fmt.Errorf("ask restic for its options: %w", err)
	}
	if bytes.Contains(known, []byte("azure.access-tier")) { // which would be sent empty
		options = []string{"-o", "azure.access-tier=Hot"}
	}
	return "azure:" + path.Base(url) + ":/", options, nil
}

// pictures stores those of the account as files, and returns their folder.
func (r *dataRound) pictures(ctx context.Context, dir string) (string, error) {
	to := filepath.Join(dir, "pictures")
	if err := os.Mkdir(to, 0o755); err != nil {
		return "", err
	}
	_, _, err := r.measured(ctx, command{args: []string{r.self, "bare", "download", "-from", r.links, "-to", to}, dir: dir})
	return to, err
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
