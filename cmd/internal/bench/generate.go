package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/manifest"
	"cvarchive/remote/blobstore"
)

// connectionVariable has the credential of a vault in Blob Storage.
const connectionVariable = "VAULT_CONNECTION"

// openStore opens a folder or a container.
func openStore(address string) (vault.Store, error) {
	if connection := os.Getenv(connectionVariable); connection != "" {
		return blobstore.New(blobstore.Options{URL: address, ConnectionString: manifest.NewSecret(connection)})
	}
	return dirstore.New(address)
}

// generated is what the generator prints of an archive.
type generated struct {
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	Records int    `json:"records"`
}

// generateMode writes archives of made-up records into a vault, and prints a
// line for each, in their order.
func generateMode(ctx context.Context, args []string, _ io.Reader, stdout io.Writer) error {
	var address, from string
	var projects, images, archives int
	var objects bool
	f := flag.NewFlagSet("generate", flag.ContinueOnError)
	f.StringVar(&address, "vault", "", "folder or `URL`")
	f.StringVar(&from, "from", "", "take the archives of the vault in this `FOLDER` instead, without objects")
	f.IntVar(&projects, "projects", 1, "so many projects")
	f.IntVar(&images, "images", 1, "so many images in each")
	f.IntVar(&archives, "archives", 1, "so many archives, each labelled a little differently")
	f.BoolVar(&objects, "objects", true, "the records name objects, which are not there")
	if err := f.Parse(args); err != nil {
		return err
	}
	store, err := openStore(address)
	if err != nil {
		return err
	}
	v, err := vault.Init(ctx, store)
	if err != nil {
		return err
	}
	if from != "" {
		return copyArchives(ctx, from, v)
	}
	lines := make([]generated, archives)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for n := range lines {
		g.Go(func() (err error) {
			a := &generator{projects: projects, images: images, objects: objects, version: n}
			lines[n], err = a.commit(gctx, v)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("generate an archive: %w", err)
	}
	out := json.NewEncoder(stdout)
	for _, line := range lines {
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// copyArchives copies archives, and nothing that they name.
func copyArchives(ctx context.Context, folder string, to *vault.Vault) error {
	store, err := dirstore.New(folder)
	if err != nil {
		return err
	}
	from, err := vault.Open(ctx, store)
	if err != nil {
		return err
	}
	archives, err := from.Archives(ctx)
	if err != nil {
		return err
	}
	for _, a := range archives {
		file, err := os.Open(filepath.Join(folder, filepath.FromSlash(a.Path)))
		if err != nil {
			return err
		}
		_, err = to.CommitArchive(ctx, a.Source, a.Created, a.ID, file)
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// generator makes one archive.
type generator struct {
	projects, images int
	objects          bool
	version          int
}

func (g *generator) commit(ctx context.Context, v *vault.Vault) (generated, error) {
	file, err := os.CreateTemp("", "archive-")
	if err != nil {
		return generated{}, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	created := firstUpload.AddDate(1, 0, g.version)
	id := fmt.Sprintf("%08x", g.version+1)
	sum, err := g.write(ctx, file, created, id)
	if err != nil {
		return generated{}, err
	}
	a, err := v.CommitArchive(ctx, "source", created, id, file)
	return generated{Name: a.Name, Size: sum.Size, Records: g.projects * g.images}, err
}

func (g *generator) write(ctx context.Context, to io.Writer, created time.Time, id string) (archive.Summary, error) {
	w, err := archive.NewWriter(to, archive.WriterOptions{})
	if err != nil {
		return archive.Summary{}, err
	}
	// The records of one project are made while those of the one before are
	// compressed.
	spools := make(chan *archive.Spool)
	making, ctx := errgroup.WithContext(ctx)
	making.Go(func() error {
		defer close(spools)
		for p := range g.projects {
			spool, err := g.spool(w, p)
			if err != nil {
				return err
			}
			select {
			case spools <- spool:
			case <-ctx.Done():
				return errors.Join(ctx.Err(), spool.Close())
			}
		}
		return nil
	})
	making.Go(func() error {
		p := 0
		for spool := range spools {
			entry, members := newRecordMaker(p, g.objects, g.version).members(g.images)
			if err := w.AddProject(entry, members, spool); err != nil {
				return err
			}
			p++
		}
		return nil
	})
	if err := making.Wait(); err != nil {
		return archive.Summary{}, err
	}
	return w.Close(closing(created, id, !g.objects))
}

// spool makes the records of one project.
func (g *generator) spool(w *archive.Writer, project int) (*archive.Spool, error) {
	spool, err := w.NewSpool()
	if err != nil {
		return nil, err
	}
	m := newRecordMaker(project, g.objects, g.version)
	for i := range g.images {
		if err := spool.Append(m.record(i)); err != nil {
			return nil, errors.Join(err, spool.Close())
		}
	}
	return spool, nil
}

// closing is the rest of a manifest.
func closing(created time.Time, id string, metadataOnly bool) manifest.Manifest {
	return manifest.Manifest{
		ID: id, Source: manifest.Source{Name: "source", Endpoint: "http://127.0.0.1/source", APIVersion: "v3.3"},
		Tool: manifest.Tool{Name: "cvarchive", Version: "bench"}, Started: created, Finished: created,
		Capture: manifest.Capture{MetadataOnly: metadataOnly, NoTokens: true},
	}
}

// codecTimes is what coding took, in processor time of one core.
type codecTimes struct {
	Records int           `json:"records"`
	Size    int64         `json:"size"` // of the archive
	Encode  time.Duration `json:"encode"`
	Decode  time.Duration `json:"decode"`
}

// codecMode encodes records that are in memory into an archive, and decodes
// them.
func codecMode(ctx context.Context, args []string, _ io.Reader, stdout io.Writer) error {
	var t codecTimes
	f := flag.NewFlagSet("codec", flag.ContinueOnError)
	f.IntVar(&t.Records, "records", 100_000, "so many records")
	if err := f.Parse(args); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	m := newRecordMaker(0, true, 0)
	records := make([]*manifest.Image, t.Records)
	for i := range records {
		records[i] = m.record(i)
	}
	runtime.GC() // what is in memory is not the codec's
	file, err := os.CreateTemp("", "archive-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	began := processorTime()
	w, err := archive.NewWriter(file, archive.WriterOptions{})
	if err != nil {
		return err
	}
	spool, err := w.NewSpool()
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := spool.Append(r); err != nil {
			return errors.Join(err, spool.Close())
		}
	}
	entry, members := m.members(t.Records)
	if err := w.AddProject(entry, members, spool); err != nil {
		return err
	}
	sum, err := w.Close(closing(firstUpload, "00000001", false))
	if err != nil {
		return err
	}
	t.Encode, t.Size = processorTime()-began, sum.Size
	records = nil
	runtime.GC()

	began = processorTime()
	r, err := archive.NewReader(file, sum.Size)
	if err != nil {
		return err
	}
	n := 0
	for _, err := range r.Images(ctx, m.id()) {
		if err != nil {
			return err
		}
		n++
	}
	t.Decode = processorTime() - began
	if n != t.Records {
		return fmt.Errorf("%d of %d records came back", n, t.Records)
	}
	return json.NewEncoder(stdout).Encode(t)
}

// firstRecord is what it took to reach one project's first record.
type firstRecord struct {
	Wall     time.Duration `json:"wall"`
	Requests int64         `json:"requests"` // for ranges of the archive
	Bytes    int64         `json:"bytes"`    // of these ranges, as far as they were read
}

// firstMode opens an archive of a vault and reads the first record of a
// project.
func firstMode(ctx context.Context, args []string, _ io.Reader, stdout io.Writer) error {
	var address, name string
	var project int
	f := flag.NewFlagSet("first", flag.ContinueOnError)
	f.StringVar(&address, "vault", "", "folder or `URL`")
	f.StringVar(&name, "archive", "latest", "`NAME` of the archive")
	f.IntVar(&project, "project", 0, "`NUMBER` of the project")
	if err := f.Parse(args); err != nil {
		return err
	}
	store, err := openStore(address)
	if err != nil {
		return err
	}
	counted := &countingStore{Store: store}
	v, err := vault.Open(ctx, counted)
	if err != nil {
		return err
	}
	a, err := v.Resolve(ctx, name)
	if err != nil {
		return err
	}
	counted.opens.Store(0)
	counted.read.Store(0)
	began := time.Now()
	file, err := v.OpenArchive(ctx, a)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := archive.NewReader(file, file.Size())
	if err != nil {
		return err
	}
	for _, err := range r.Images(ctx, newRecordMaker(project, true, 0).id()) {
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(firstRecord{time.Since(began), counted.opens.Load(), counted.read.Load()})
	}
	return errors.New("the project has no record")
}
