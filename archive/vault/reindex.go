package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"cvarchive/manifest"
)

// WriteLostIndexes writes the indexes that archives of an encrypted vault have
// lost, from the archives themselves, which takes an identity. It returns how
// many it wrote. An archive that cannot be read whole gets none: that is in
// the error, and the others get theirs.
func (v *Vault) WriteLostIndexes(ctx context.Context) (written int, err error) {
	if !v.Encrypted() {
		return 0, nil
	}
	archives, err := v.Archives(ctx)
	if err != nil {
		return 0, err
	}
	var failed error
	for _, a := range archives {
		f, _, err := v.openIndex(ctx, a)
		switch {
		case err == nil:
			f.Close()
			continue
		case errors.Is(err, errNoIndex):
			err = v.writeLostIndex(ctx, a)
		}
		if ctx.Err() != nil {
			return written, ctx.Err()
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("the index of archive %s: %w", a.Name, err))
			continue
		}
		written++
	}
	return written, failed
}

// writeLostIndex reads an archive to its end, as it is stored and as it was
// before it was encrypted, and writes what the index says of both.
func (v *Vault) writeLostIndex(ctx context.Context, a Archive) error {
	f, err := v.OpenArchive(ctx, a)
	if err != nil {
		return err
	}
	defer f.Close()
	head := indexHead{Format: indexFormat, FormatVersion: indexVersion, Archive: a.Name, Size: f.Size(), StoredSize: f.size}
	if head.StoredSHA256, err = digestOf(f.ranges); err != nil {
		return err
	}
	plain, body := sha256.New(), io.NewSectionReader(f, 0, f.Size())
	if _, err := io.Copy(plain, body); err != nil {
		return err
	}
	head.SHA256 = manifest.Digest(plain.Sum(nil))
	path, err := v.indexPath(a.Name, f.ranges)
	if err != nil {
		return err
	}
	return v.writeIndex(ctx, path, head, body)
}
