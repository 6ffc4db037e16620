package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options say how to tell the story.
type Options struct {
	// Dir is the folder that everything stays in; it must be empty or
	// missing. Empty: a new one in the system's folder for temporary files.
	Dir string
	// Keep goes on serving after the story, until the context ends.
	Keep bool
	// Key is the training key of the service's regions; no secret.
	Key     string
	Command Command
	Out     io.Writer
	// Bold emphasises text where the output can; nil: not at all.
	Bold func(string) string
}

// Run tells the whole story of cvarchive: a sample account on the built-in
// service is backed up, inspected, verified, restored into another region by
// token, and restored from content once the tokens have expired and the
// source is gone. An error means that some step did not go as it must.
func Run(ctx context.Context, opt Options) (err error) {
	if opt.Bold == nil {
		opt.Bold = func(s string) string { return s }
	}
	dir, err := makeFolder(opt.Dir)
	if err != nil {
		return err
	}
	w, err := newWorld(dir, opt.Key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()

	fmt.Fprintf(opt.Out, "%s\n\n%s\n", opt.Bold("The story of a backup, for real, on this machine."),
		wrap(fmt.Sprintf("A Custom Vision service of cvarchive's own is running on this machine, with three regions: %s, %s and %s. The first is being filled with a sample account …",
			regions[0], regions[1], regions[2])))
	begin := time.Now()
	seeded, err := w.seed(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(opt.Out, "%d projects, %d images and %d trained iterations are there after %.1f s.\n", seeded.Projects, seeded.Images, seeded.Iterations, time.Since(begin).Seconds())
	fmt.Fprintf(opt.Out, "\n%s\n", wrap("The configuration, the vault and the service's state are in a folder of their own:"))
	fmt.Fprintf(opt.Out, "\n%s\n", opt.Bold("$ cd "+dir))

	t := &teller{world: w, run: opt.Command, out: opt.Out, bold: opt.Bold}
	if err := t.tell(ctx, story()); err != nil {
		return err
	}
	if err := w.settle(); err != nil {
		return err
	}
	t.farewell(opt.Keep, time.Since(begin))
	if opt.Keep {
		<-ctx.Done()
	}
	return nil
}

// makeFolder makes the demo's folder, or takes an empty one.
func makeFolder(dir string) (string, error) {
	if dir == "" {
		dir, err := os.MkdirTemp("", "cvarchive-demo-")
		if err != nil {
			return "", fmt.Errorf("make a folder for the demo: %w", err)
		}
		return dir, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the demo's folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(dir, 0o700)
	case err == nil && len(entries) > 0:
		return "", fmt.Errorf("the folder %s is not empty; give the demo a new one", dir)
	}
	if err != nil {
		return "", fmt.Errorf("make the demo's folder: %w", err)
	}
	return dir, nil
}

// farewell says what is there to play with.
func (t *teller) farewell(keep bool, took time.Duration) {
	w := t.world
	fmt.Fprintf(t.out, "\n%s\n\n", t.bold(fmt.Sprintf("That was the story, in %.0f s. What you can do now:", took.Seconds())))
	fmt.Fprint(t.out, wrap("Everything is still in the folder, with the clock set back and westeurope running again. Serve it, then try any command in another terminal (go install ./cmd/cvarchive puts the program on your PATH):"))
	fmt.Fprintf(t.out, "\n\n    cd %s\n", w.dir)
	if !keep {
		fmt.Fprintf(t.out, "    cvarchive simulate --state %s --listen %s --region %s\n", stateFolder, w.home.addr, strings.Join(regions[:], " --region "))
	}
	fmt.Fprintf(t.out, `    cvarchive inspect latest --project 'Shelf watch' --json
    cvarchive backup westeurope          # a second time: nothing new to download
    cvarchive restore latest --to northeurope --project 'Fruit bowl' --rename 'Fruit bowl=Fruit bowl 2'
    tar --zstd -tf %s/archives/westeurope/*.tar.zst
    cvarchive --help
`, vaultFolder)
	if keep {
		fmt.Fprintf(t.out, "\nThe service is still running at http://%s; stop it with Ctrl-C.\n", w.home.addr)
	}
}
