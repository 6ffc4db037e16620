package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// bareStore is where a bare loop stores bytes, whole or not at all.
type bareStore interface {
	store(ctx context.Context, sum [sha256.Size]byte, data []byte) error
	sync() error // makes all of it durable
}

// openBareStore opens a folder, or with a credential a container.
func openBareStore(address string) (bareStore, error) {
	if os.Getenv(connectionVariable) == "" {
		return &shards{root: address}, nil
	}
	c, err := openContainer(address)
	return blobs{c}, err
}

// objectName is what an object is called below the store.
func objectName(sum [sha256.Size]byte) string {
	name := hex.EncodeToString(sum[:])
	return path.Join("objects", "sha256", name[:2], name+".jpg")
}

// shards are the folders of objects, made when they are needed.
type shards struct {
	root string
	made sync.Map
	temp atomic.Int64
}

func (s *shards) store(_ context.Context, sum [sha256.Size]byte, data []byte) error {
	name := filepath.Join(s.root, filepath.FromSlash(objectName(sum)))
	dir := filepath.Dir(name)
	if _, ok := s.made.Load(dir); !ok {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		s.made.Store(dir, true)
	}
	temp := filepath.Join(dir, ".tmp"+strconv.FormatInt(s.temp.Add(1), 10))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

func (s *shards) sync() error { return syncTree(s.root) }

// files are the objects below a folder.
func files(root string) (paths []string, err error) {
	err = filepath.WalkDir(filepath.Join(root, "objects"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	})
	return paths, err
}

// blobs are objects in a container.
type blobs struct{ container *container.Client }

func openContainer(address string) (*container.Client, error) {
	name := address[strings.LastIndex(address, "/")+1:]
	return container.NewClientFromConnectionString(os.Getenv(connectionVariable), name, nil)
}

func (b blobs) store(ctx context.Context, sum [sha256.Size]byte, data []byte) error {
	_, err := b.container.NewBlockBlobClient(objectName(sum)).Upload(ctx, streaming.NopCloser(bytes.NewReader(data)), nil)
	return err
}

func (blobs) sync() error { return nil } // each is, when it is answered

// readBlobs reads every object of a container and compares its digest with
// its name.
func (t *bareTask) readBlobs(ctx context.Context) error {
	c, err := openContainer(t.from)
	if err != nil {
		return err
	}
	var names []string
	prefix := "objects/"
	for pages := c.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix}); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, item := range page.Segment.BlobItems {
			names = append(names, *item.Name)
		}
	}
	return each(ctx, t.parallel, names, func(ctx context.Context, name string, b *bytes.Buffer) error {
		resp, err := c.NewBlobClient(name).DownloadStream(ctx, nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		n, err := io.Copy(b, resp.Body)
		if err != nil {
			return err
		}
		t.items.Add(1)
		t.copied.Add(n)
		if objectName(sha256.Sum256(b.Bytes())) != name {
			return fmt.Errorf("%s is damaged", name)
		}
		return nil
	})
}
