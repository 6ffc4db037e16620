package simulator

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// blobRef says which bytes a blob has.
type blobRef struct {
	Hash string // SHA-256 in hexadecimal
	Size int
	Type string // content type
	MD5  []byte
}

// blobStore keeps bytes by their hash, once each: in files of a folder, or
// in memory when there is none. Bytes are never dropped while it lives.
type blobStore struct {
	dir string

	mu      sync.Mutex
	mem     map[string][]byte
	sums    map[string][]byte  // MD5 of what was described, by hash
	derived map[string]blobRef // pictures made on demand, by what they are
}

func newBlobStore(stateDir string) *blobStore {
	b := &blobStore{mem: map[string][]byte{}, sums: map[string][]byte{}, derived: map[string]blobRef{}}
	if stateDir != "" {
		b.dir = filepath.Join(stateDir, "blobs")
	}
	return b
}

// describe says which bytes these are. The MD5 of bytes that came before is
// known, and takes twice as long as the SHA-256.
func (b *blobStore) describe(data []byte, contentType string) blobRef {
	sum := sha256.Sum256(data)
	ref := blobRef{Hash: hex.EncodeToString(sum[:]), Size: len(data), Type: contentType}
	b.mu.Lock()
	ref.MD5 = b.sums[ref.Hash]
	b.mu.Unlock()
	if ref.MD5 == nil {
		md := md5.Sum(data)
		ref.MD5 = md[:]
		b.mu.Lock()
		b.sums[ref.Hash] = ref.MD5
		b.mu.Unlock()
	}
	return ref
}

func (b *blobStore) path(hash string) string { return filepath.Join(b.dir, hash[:2], hash) }

// put stores bytes under their hash; stored ones are left alone.
func (b *blobStore) put(ref blobRef, data []byte) error {
	if b.dir == "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		if _, ok := b.mem[ref.Hash]; !ok {
			b.mem[ref.Hash] = data
		}
		return nil
	}
	path := b.path(ref.Hash)
	if info, err := os.Stat(path); err == nil && info.Size() == int64(ref.Size) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep blob: %w", err)
	}
	return writeFile(path, data)
}

func (b *blobStore) get(ref blobRef) ([]byte, error) {
	if b.dir == "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		if data, ok := b.mem[ref.Hash]; ok {
			return data, nil
		}
		return nil, fmt.Errorf("blob %s: %w", ref.Hash, fs.ErrNotExist)
	}
	data, err := os.ReadFile(b.path(ref.Hash))
	if err != nil {
		return nil, fmt.Errorf("read blob: %w", err)
	}
	return data, nil
}

// made returns the bytes that are derived from others under a name, making
// them at the first time.
func (b *blobStore) made(name string, source blobRef, make func([]byte) ([]byte, error)) (blobRef, []byte, error) {
	name += "/" + source.Hash
	b.mu.Lock()
	ref, ok := b.derived[name]
	b.mu.Unlock()
	if ok {
		data, err := b.get(ref)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return ref, data, err
		}
	}
	from, err := b.get(source)
	if err != nil {
		return blobRef{}, nil, err
	}
	data, err := make(from)
	if err != nil {
		return blobRef{}, nil, err
	}
	ref = b.describe(data, "image/jpeg")
	if err := b.put(ref, data); err != nil {
		return blobRef{}, nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.derived[name] = ref
	return ref, data, nil
}

// writeFile puts a file in place whole or not at all.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error matters
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
