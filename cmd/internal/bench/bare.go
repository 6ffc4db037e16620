package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// The bare loops do what cannot be left out of a command's work on image
// bytes, with the same promises to whoever has the result (files are whole
// under their names or not there, and durable when the loop ends), and
// nothing else: no archive, no records, no retries, no progress.

// bareTask is one of them.
type bareTask struct {
	from, to string // folder or file, as the task needs
	parallel int
	endpoint string // of an API resource
	project  string
	client   *http.Client
	copied   atomic.Int64 // bytes
	items    atomic.Int64
}

var bareTasks = map[string]func(t *bareTask, ctx context.Context) error{
	"download": (*bareTask).download,
	"read":     (*bareTask).read,
	"copy":     (*bareTask).copy,
	"bundle":   (*bareTask).bundle,
	"upload":   (*bareTask).upload,
}

// bareMode runs the loop that the first argument names, and prints how many
// items and bytes there were.
func bareMode(ctx context.Context, args []string, _ io.Reader, stdout io.Writer) error {
	if len(args) == 0 || bareTasks[args[0]] == nil {
		return errors.New("bare needs the name of a loop")
	}
	t := &bareTask{}
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	f.StringVar(&t.from, "from", "", "read `PATH`")
	f.StringVar(&t.to, "to", "", "write `PATH`")
	f.IntVar(&t.parallel, "parallel", 32, "so many items at once")
	f.StringVar(&t.endpoint, "endpoint", "", "`URL` of a resource")
	f.StringVar(&t.project, "project", "", "`ID` of a project")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	t.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: t.parallel, DisableCompression: true}}
	if err := bareTasks[args[0]](t, ctx); err != nil {
		return fmt.Errorf("bare %s: %w", args[0], err)
	}
	_, err := fmt.Fprintln(stdout, t.items.Load(), t.copied.Load())
	return err
}

// each calls do for every item, so many at once, each worker with a buffer
// of its own.
func each[T any](ctx context.Context, workers int, items []T, do func(ctx context.Context, item T, buffer *bytes.Buffer) error) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range workers {
		g.Go(func() error {
			var buffer bytes.Buffer
			for {
				i := int(next.Add(1)) - 1
				if i >= len(items) || ctx.Err() != nil {
					return ctx.Err()
				}
				buffer.Reset()
				if err := do(ctx, items[i], &buffer); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// download fetches the links of a file, one a line, and stores each image
// under its SHA-256.
func (t *bareTask) download(ctx context.Context) error {
	text, err := os.ReadFile(t.from)
	if err != nil {
		return err
	}
	to, err := openBareStore(t.to)
	if err != nil {
		return err
	}
	if err := each(ctx, t.parallel, strings.Fields(string(text)), func(ctx context.Context, link string, b *bytes.Buffer) error {
		if err := t.fetch(ctx, link, b); err != nil {
			return err
		}
		return to.store(ctx, sha256.Sum256(b.Bytes()), b.Bytes())
	}); err != nil {
		return err
	}
	return to.sync()
}

func (t *bareTask) fetch(ctx context.Context, link string, b *bytes.Buffer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	b.Grow(int(max(resp.ContentLength, 0)) + bytes.MinRead)
	n, err := b.ReadFrom(resp.Body)
	t.items.Add(1)
	t.copied.Add(n)
	return err
}

// load reads a file and compares its digest with its name.
func (t *bareTask) load(path string, b *bytes.Buffer) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return sum, err
	}
	b.Grow(int(info.Size()) + bytes.MinRead)
	n, err := b.ReadFrom(f)
	if err != nil {
		return sum, err
	}
	t.items.Add(1)
	t.copied.Add(n)
	sum = sha256.Sum256(b.Bytes())
	if want, _, _ := strings.Cut(filepath.Base(path), "."); hex.EncodeToString(sum[:]) != want {
		return sum, fmt.Errorf("%s is damaged", path)
	}
	return sum, nil
}

// read reads every object and compares its digest with its name.
func (t *bareTask) read(ctx context.Context) error {
	if os.Getenv(connectionVariable) != "" {
		return t.readBlobs(ctx)
	}
	paths, err := files(t.from)
	if err != nil {
		return err
	}
	return each(ctx, runtime.NumCPU(), paths, func(_ context.Context, path string, b *bytes.Buffer) error {
		_, err := t.load(path, b)
		return err
	})
}

// copy copies every object to another folder.
func (t *bareTask) copy(ctx context.Context) error {
	paths, err := files(t.from)
	if err != nil {
		return err
	}
	to, err := openBareStore(t.to)
	if err != nil {
		return err
	}
	if err := each(ctx, runtime.NumCPU(), paths, func(ctx context.Context, path string, b *bytes.Buffer) error {
		sum, err := t.load(path, b)
		if err != nil {
			return err
		}
		return to.store(ctx, sum, b.Bytes())
	}); err != nil {
		return err
	}
	return to.sync()
}

// bundle writes every object into one file.
func (t *bareTask) bundle(ctx context.Context) error {
	paths, err := files(t.from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(t.to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	whole := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(f, whole), 1<<20)
	var b bytes.Buffer
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.Reset()
		if _, err := t.load(path, &b); err != nil {
			return err
		}
		if _, err := out.Write(b.Bytes()); err != nil {
			return err
		}
	}
	return errors.Join(out.Flush(), f.Sync())
}

// upload creates an image of every object in a project, in calls as large as
// the service takes them, and reads each back.
func (t *bareTask) upload(ctx context.Context) error {
	paths, err := files(t.from)
	if err != nil {
		return err
	}
	var batches [][]string
	room, size := 0, int64(0)
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if room == 0 || size+info.Size() > plan.MaxBatchBytes {
			batches = append(batches, nil)
			room, size = manifest.MaxBatch, 0
		}
		last := &batches[len(batches)-1]
		*last = append(*last, path)
		room, size = room-1, size+info.Size()
	}
	var mu sync.Mutex
	var links []string
	err = each(ctx, runtime.NumCPU(), batches, func(ctx context.Context, batch []string, b *bytes.Buffer) error {
		got, err := t.create(ctx, batch, b)
		mu.Lock()
		defer mu.Unlock()
		links = append(links, got...)
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, t.parallel, links, func(ctx context.Context, link string, b *bytes.Buffer) error {
		if err := t.fetch(ctx, link, b); err != nil {
			return err
		}
		sum := sha256.Sum256(b.Bytes())
		if _, err := os.Stat(filepath.Join(t.from, "objects", "sha256", hex.EncodeToString(sum[:1]), hex.EncodeToString(sum[:])+".jpg")); err != nil {
			return fmt.Errorf("what came back was not sent: %w", err)
		}
		return nil
	})
}

// create makes one call and returns links to the images.
func (t *bareTask) create(ctx context.Context, batch []string, body *bytes.Buffer) ([]string, error) {
	var b bytes.Buffer
	body.WriteString(`{"images":[`)
	for i, path := range batch {
		b.Reset()
		if _, err := t.load(path, &b); err != nil {
			return nil, err
		}
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(body, `{"name":"%d","contents":"`, i)
		body.Grow(base64.StdEncoding.EncodedLen(b.Len()) + 64)
		body.Write(base64.StdEncoding.AppendEncode(body.AvailableBuffer(), b.Bytes()))
		body.WriteString(`"}`)
	}
	body.WriteString(`]}`)
	address := t.endpoint + "/customvision/v3.3/training/projects/" + t.project + "/images/files"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body.Bytes()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Training-Key", trainingKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var created struct {
		IsBatchSuccessful bool
		Images            []struct {
			Image struct{ OriginalImageURI string }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&created); err != nil {
		return nil, err
	}
	if !created.IsBatchSuccessful {
		return nil, errors.New("the service refused an image")
	}
	var links []string
	for _, img := range created.Images {
		links = append(links, img.Image.OriginalImageURI)
	}
	return links, nil
}
