package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/bundle"
	"cvarchive/archive/vault"
	"cvarchive/archive/verify"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

func (a *app) bundleCommand() *cli.Command {
	return &cli.Command{
		Name:      "bundle",
		Usage:     "put an archive and all its objects into one file",
		ArgsUsage: "ARCHIVE --out FILE",
		Description: examples(`Writes one portable file with an archive and every image and model that it names, to be
kept in cold storage or handed over. inspect, verify and restore open it as it is, without
a vault; unbundle brings it into one; and tar --zstd -xf unpacks it. Everything is checked
while it is read: an object that is missing or damaged ends it, and no file is left.

With --project the archive in the bundle holds these projects and nothing of the others.
With --volume-size it is split into FILE.001, FILE.002 and so on, which FILE.volumes.json
lists with their digests: give that file to inspect, verify, restore and unbundle, or join
the volumes with cat. There is no redundancy: all of them are needed.

An archive with export tokens carries them: whoever gets the bundle can import with them
until they expire. The bundle of an encrypted vault is not encrypted itself; encrypted with
age (age -r KEY -o FILE.age FILE) it is opened as it is, with --identity.

`+archiveArg,
			"cvarchive bundle latest --out account.bundle.tar.zst",
			"cvarchive bundle prod-weu/latest --project 'Fruit on the belt' --out fruit.bundle.tar.zst",
			"cvarchive bundle latest --volume-size 4GiB --out /mnt/usb/account.bundle.tar.zst"),
		Flags: withCommon(
			&cli.StringFlag{Name: "out", Usage: "write the bundle to this `FILE`, which must not exist"},
			&cli.StringSliceFlag{Name: "project", Usage: "take only the project of this `NAME` or id; may be repeated"},
			&cli.StringFlag{Name: "volume-size", Usage: "split the bundle into files of at most this `SIZE`, such as 4GiB"},
			progressFlag(), jsonFlag()),
		Action: a.action(a.bundle, 1, "run the same command again; no file was left"),
	}
}

// bundled is the shape of "bundle --json".
type bundled struct {
	File    string          `json:"file"`
	Archive string          `json:"archive"` // name of the archive in it
	SHA256  manifest.Digest `json:"sha256"`  // of the file
	Size    int64           `json:"size"`
	Objects int64           `json:"objects"`
	Bytes   int64           `json:"bytes"` // of the objects
	Volumes int             `json:"volumes,omitempty"`
}

func (a *app) bundle(c *cli.Context) error {
	ref, err := oneArchive(c)
	if err != nil {
		return err
	}
	path := c.String("out")
	if path == "" {
		return usagef("bundle needs --out FILE; see %s", helpOf(c))
	}
	out, path, err := bundleOut(path, c.String("volume-size"))
	if err != nil {
		return err
	}
	defer out.Abandon()
	o, err := a.openArchive(c, ref)
	if err != nil {
		return err
	}
	defer o.close()
	objects, err := a.objectsFor(c, o)
	if err != nil {
		return err
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	defer show.Close()
	src, done, err := bundleSource(c.Context, o, c.StringSlice("project"))
	if err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	defer done()
	src.Objects = objects
	sum, err := bundle.Write(c.Context, src, out, bundle.Options{
		Tool: manifest.Tool{Name: "cvarchive", Version: toolVersion()}, Progress: show.Event,
		TempDir: filepath.Dir(path), // where there is room for more than that
	})
	if err == nil {
		err = out.Commit()
	}
	show.Close()
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("bundle %s: no space is left for %s; it takes up to %s: free some or choose another place", o.name, path, ui.Bytes(src.Size+o.reader.Manifest().Objects.Bytes))
	}
	if err != nil {
		return fmt.Errorf("bundle %s: %w", o.name, err)
	}
	if o.secret {
		fmt.Fprintf(a.stderr, "warning: %s is not encrypted, unlike the vault; encrypt it before it leaves this machine: age -r KEY -o FILE.age FILE\n", path)
	}
	if c.Bool("json") {
		return a.out.JSON(&bundled{File: path, Archive: sum.Archive, SHA256: sum.SHA256, Size: sum.Size, Objects: sum.Objects, Bytes: sum.Bytes, Volumes: out.Count()})
	}
	t := ui.Table{}
	t.Row("Bundle", path)
	t.Row("Archive", sum.Archive)
	t.Row("Content", fmt.Sprintf("%s, %s", ui.Count(sum.Objects, "object"), ui.Bytes(sum.Bytes)))
	size := ui.Bytes(sum.Size)
	if n := out.Count(); n > 0 {
		size += " in " + ui.Count(n, "volume")
	}
	t.Row("Size", size)
	t.Row("SHA-256", sum.SHA256.String())
	t.Print(a.out, "")
	return nil
}

// bundleFile is where a bundle is written.
type bundleFile interface {
	io.Writer
	Commit() error
	Abandon() // removes what was not committed
	Count() int
}

// bundleOut chooses one file, or volumes; path is what opens them later. It
// must not be there.
func bundleOut(path, volumeSize string) (out bundleFile, opens string, err error) {
	out, opens = &newFile{path: path}, path
	if volumeSize != "" {
		size, err := sizeOf(volumeSize)
		if err != nil {
			return nil, "", err
		}
		out, opens = bundle.NewVolumeWriter(path, size), path+bundle.VolumesSuffix
	}
	if _, err := os.Lstat(opens); err == nil {
		return nil, "", usagef("%s is there already, and is not replaced; give another --out, or remove it", opens)
	}
	return out, opens, nil
}

// sizeOf reads a size such as 4GiB, 700MB or a number of bytes.
func sizeOf(text string) (int64, error) {
	number, unit := text, int64(1)
	for _, u := range []struct {
		name string
		size int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}} {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = rest, u.size
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit || n*unit < bundle.MinVolume {
		return 0, usagef("--volume-size cannot be %q; give a size of at least 64KiB, such as 4GiB", text)
	}
	return n * unit, nil
}

// bundleSource is what goes into a bundle: an archive as it is, or one of
// chosen projects, made for it in a temporary file that done removes.
func bundleSource(ctx context.Context, o *opened, projects []string) (src bundle.Source, done func(), err error) {
	if len(projects) == 0 {
		src := sourceFor(o.reader.Manifest(), o.file, o.size, backup.IsIncomplete(o.reader.Manifest()))
		src.Signature, err = o.signature(ctx)
		return src, func() {}, err
	}
	chosen, err := chooseProjects(o.reader.Manifest(), projects)
	if err != nil {
		return src, nil, err
	}
	f, err := os.CreateTemp("", "cvarchive-*.tar.zst")
	if err != nil {
		return src, nil, fmt.Errorf("make a temporary file: %w", err)
	}
	done = func() {
		f.Close()
		os.Remove(f.Name())
	}
	m, err := bundle.Narrow(ctx, o.reader, chosen, f, "")
	var info os.FileInfo
	if err == nil {
		info, err = f.Stat()
	}
	if err != nil {
		done()
		return src, nil, err
	}
	lossy := slices.ContainsFunc(chosen, func(e manifest.ProjectEntry) bool { return e.Outcome != manifest.Complete })
	return sourceFor(m, f, info.Size(), lossy && backup.IsIncomplete(o.reader.Manifest())), done, nil
}

// sourceFor names an archive as a vault does.
func sourceFor(m *manifest.Manifest, file io.ReaderAt, size int64, incomplete bool) bundle.Source {
	name := m.Source.Name + "/" + m.Started.UTC().Format("20060102T150405Z") + "-" + m.ID
	suffix := ".tar.zst"
	if incomplete {
		suffix = ".incomplete.tar.zst"
	}
	return bundle.Source{Name: name, Path: "archives/" + name + suffix, File: file, Size: size}
}

// newFile is a file that gets its name when it is complete. Nothing is made
// before the first byte.
type newFile struct {
	path string
	temp *os.File
}

func (f *newFile) Write(p []byte) (int, error) {
	if f.temp == nil {
		temp, err := os.CreateTemp(filepath.Dir(f.path), ".cvarchive-*.partial")
		if err != nil {
			return 0, fmt.Errorf("write %s: %w", f.path, plainCause(err))
		}
		f.temp = temp
	}
	return f.temp.Write(p)
}

// Commit makes the file durable and gives it its name, unless that is taken.
func (f *newFile) Commit() error {
	if f.temp == nil {
		return fmt.Errorf("write %s: it would be empty", f.path)
	}
	if err := errors.Join(f.temp.Sync(), f.temp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	err := os.Link(f.temp.Name(), f.path)
	if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
		err = os.Rename(f.temp.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, plainCause(err))
	}
	return nil
}

// Abandon removes what is not needed any more.
func (f *newFile) Abandon() {
	if f.temp != nil {
		f.temp.Close()
		os.Remove(f.temp.Name())
	}
}

// Count returns how many volumes there are: it is no volume.
func (f *newFile) Count() int { return 0 }

// volumesOf returns the list of volumes that a path stands for: the list
// itself, or one of the volumes with the list beside it.
func volumesOf(path string) (list string, ok bool) {
	if strings.HasSuffix(path, bundle.VolumesSuffix) {
		return path, true
	}
	number := strings.TrimPrefix(filepath.Ext(path), ".")
	if _, err := strconv.Atoi(number); err != nil || len(number) < 3 {
		return "", false
	}
	list = strings.TrimSuffix(path, "."+number) + bundle.VolumesSuffix
	_, err := os.Stat(list)
	return list, err == nil
}

// openVolumes opens a bundle that is split.
func openVolumes(list string) (*opened, error) {
	v, err := bundle.OpenVolumes(list)
	if err != nil {
		return nil, err
	}
	o := &opened{name: list, file: v, size: v.Size(), volumes: v, close: v.Close}
	o.signature = func(context.Context) ([]byte, error) { return nil, nil } // a bundle carries it
	if err := o.openBundle(); err != nil {
		v.Close()
		return nil, err
	}
	return o, nil
}

// plainCause drops the paths that os puts before its errors.
func plainCause(err error) error {
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return cause(err)
}

// openBundle makes of a file that is a bundle the archive in it, with its
// objects. Any other file is left as it is.
func (o *opened) openBundle() error {
	b, err := bundle.Open(context.Background(), o.file, o.size)
	_, newer := errors.AsType[*bundle.VersionError](err)
	corrupt, broken := errors.AsType[*archive.CorruptError](err)
	switch {
	case err == nil:
		o.bundle = b
		o.file, o.size = b.Archive()
		o.signature = func(context.Context) ([]byte, error) { return b.Signature(), nil }
	case newer, broken && corrupt.Member != "":
		return fmt.Errorf("open the bundle %s: %w", o.name, err)
	}
	return nil
}

// verifyObjects reads the objects of a bundle and adds to the report what is
// wrong with them.
func (o *opened) verifyObjects(ctx context.Context, report *verify.Report, found func(verify.Problem)) error {
	report.Unchecked = nil
	report.ReadData = true
	if o.volumes != nil {
		if err := o.verifyVolumes(ctx, report, found); err != nil {
			return err
		}
	}
	r, err := archive.NewReader(o.file, o.size)
	if err != nil {
		return nil // and reported
	}
	for obj, err := range r.Objects(ctx) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return nil // and reported
		}
		report.Objects++
		report.Read++
		report.Bytes += obj.Size
		err := readObject(ctx, o.bundle, obj)
		if err == nil {
			report.BytesRead += obj.Size
			continue
		}
		p := verify.Problem{
			Kind: verify.Damaged, Item: "object " + obj.SHA256.String(), Reason: err.Error(),
			Hint: "use another copy of the bundle", Object: &obj, ObjectName: vault.PlainObjectName(obj),
		}
		if errors.Is(err, fs.ErrNotExist) {
			p.Kind = verify.Missing
		}
		addProblem(report, found, p)
	}
	return o.verifyIndex(ctx, report, found)
}

// verifyIndex adds to the report what is wrong with the index of a bundle, whose
// objects have been read.
func (o *opened) verifyIndex(ctx context.Context, report *verify.Report, found func(verify.Problem)) error {
	err := o.bundle.CheckPlaces(ctx)
	corrupt, damaged := errors.AsType[*archive.CorruptError](err)
	if damaged {
		addProblem(report, found, verify.Problem{Kind: verify.Structure, Item: "index of the bundle", Reason: corrupt.Reason, Hint: "use another copy of the bundle"})
		return nil
	}
	return err
}

// addProblem adds to a report as many problems as one has.
func addProblem(report *verify.Report, found func(verify.Problem), p verify.Problem) {
	p.Archive = report.Archive
	if found != nil {
		found(p)
	}
	if len(report.Problems) >= verify.MaxProblems {
		report.Unlisted++
		return
	}
	report.Problems = append(report.Problems, p)
}

// verifyVolumes reads the volumes of a bundle and adds to the report which are
// not what they were.
func (o *opened) verifyVolumes(ctx context.Context, report *verify.Report, found func(verify.Problem)) error {
	wrong, err := o.volumes.Check(ctx)
	for _, reason := range wrong {
		addProblem(report, found, verify.Problem{Kind: verify.Structure, Item: "volume", Reason: reason, Hint: "copy it again from where the bundle was made"})
	}
	return err
}

func readObject(ctx context.Context, b *bundle.Bundle, o manifest.Object) error {
	body, err := b.OpenObject(ctx, o)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body)
	return errors.Join(err, body.Close())
}
