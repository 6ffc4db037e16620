package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"cvarchive/archive"
	"cvarchive/archive/sign"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// ErrNotBundle means that a file is no bundle. It may be an archive.
var ErrNotBundle = errors.New("not a bundle; give a file that `cvarchive bundle` wrote")

// VersionError means that a bundle is of a newer format.
type VersionError struct {
	Found int
	Err   error // what it takes to read it; nil: the version is not known
}

// Error says what to do.
func (e *VersionError) Error() string {
	if e.Err != nil {
		return "the bundle was " + e.Err.Error()
	}
	return fmt.Sprintf("the bundle has format version %d and this cvarchive knows version %d; use a newer cvarchive", e.Found, formatVersion)
}

// Bundle is an open bundle. It is safe for concurrent use.
type Bundle struct {
	container *archive.Container
	head      head
	trail     *trail
	index     *index
	archive   io.ReaderAt
	signature []byte // of the archive; nil: none
	info      vault.Archive
}

// Open opens a bundle. A file that is none, an archive for one, is
// [ErrNotBundle]; errors of a damaged one are those of package archive. The
// index is not read before it is of use. The context governs reads of it and of
// the archive.
func Open(ctx context.Context, ra io.ReaderAt, size int64) (*Bundle, error) {
	c, content, err := archive.OpenContainer(ctx, ra, size, lastName)
	if errors.Is(err, archive.ErrNotArchive) {
		return nil, ErrNotBundle
	}
	if err != nil {
		return nil, err
	}
	b := &Bundle{container: c}
	var version struct {
		Format        string                 `json:"format"`
		FormatVersion int                    `json:"formatVersion"`
		Requires      []manifest.Requirement `json:"requires"`
	}
	if json.Unmarshal(content, &version) != nil || version.Format != formatName || version.FormatVersion < 1 {
		return nil, ErrNotBundle
	}
	if version.FormatVersion > formatVersion {
		return nil, &VersionError{Found: version.FormatVersion}
	}
	if err := manifest.CheckRequirements(strconv.Itoa(version.FormatVersion), version.Requires); err != nil {
		return nil, &VersionError{Found: version.FormatVersion, Err: err}
	}
	if err := json.Unmarshal(content, &b.head); err != nil {
		return nil, damaged(lastName, "it cannot be read: %v", manifest.Brief(err))
	}
	info, ok := vault.ParseArchive(b.head.Archive.Name, b.head.Archive.Size)
	if !ok || b.head.Index.Name != indexName {
		return nil, damaged(lastName, "it does not say where the archive and the index are")
	}
	b.info = info
	if b.archive, err = c.Section(ctx, b.head.Archive); err != nil {
		return nil, err
	}
	if err := b.readSignature(ctx); err != nil {
		return nil, err
	}
	b.trail = newTrail(c)
	if b.index, err = openIndex(ctx, c, b.head.Index, b.trail.seed); err != nil {
		return nil, err
	}
	return b, b.findFirst(ctx)
}

// findFirst has the trail begin at the first object: it follows the archive, or
// that one's signature.
func (b *Bundle) findFirst(ctx context.Context) error {
	last := b.head.Archive
	if b.head.Signature != nil {
		last = *b.head.Signature
	}
	p, err := b.container.At(ctx, last.Offset)
	if err != nil {
		return err
	}
	b.trail.begin(p.Next(), b.head.Index.Offset)
	return nil
}

func (b *Bundle) readSignature(ctx context.Context) error {
	m := b.head.Signature
	if m == nil {
		return nil
	}
	if m.Name != b.head.Archive.Name+sign.Suffix || m.Size < 0 || m.Size > sign.MaxSize {
		return damaged(lastName, "what it names as the signature is none")
	}
	r, err := b.container.Open(ctx, *m)
	if err != nil {
		return err
	}
	b.signature = make([]byte, m.Size)
	if _, err := io.ReadFull(r, b.signature); err != nil {
		return err
	}
	if manifest.Digest(sha256.Sum256(b.signature)) != m.SHA256 {
		return damaged(m.Name, "its SHA-256 is not that of %s", lastName)
	}
	b.info.Signed = true
	return nil
}

func damaged(member, format string, args ...any) error {
	return &archive.CorruptError{Member: member, Reason: fmt.Sprintf(format, args...)}
}

// Archive returns the bytes of the archive in the bundle.
func (b *Bundle) Archive() (ra io.ReaderAt, size int64) { return b.archive, b.info.Size }

// Signature returns the signature of the archive; nil: it is not signed.
func (b *Bundle) Signature() []byte { return b.signature }

// Info names the archive as the vault did that it came from.
func (b *Bundle) Info() vault.Archive { return b.info }

// Objects returns how many objects are in the bundle, and their size in bytes.
func (b *Bundle) Objects() (count, size int64) { return b.head.Objects, b.head.Bytes }

// CheckIndex reads the index and reports what is wrong with it: an error is of
// the kinds that [Open] has. Objects are found without, as long as they are
// asked for in the order in which the archive names them.
func (b *Bundle) CheckIndex(ctx context.Context) error {
	_, err := b.index.table(ctx)
	return err
}

// CheckPlaces reports whether the index has all objects of the bundle at their
// places and no others. It looks at those only that were not asked for in their
// order before, so that it takes next to nothing after all have been.
func (b *Bundle) CheckPlaces(ctx context.Context) error {
	if err := b.CheckIndex(ctx); err != nil {
		return err
	}
	sum, err := b.trail.finish(ctx)
	if err == nil && sum != b.index.sum {
		err = damaged(indexName, "it does not have the objects that are in the bundle, or has them at other places")
	}
	return err
}

// OpenObject reads an object; it is checked as [vault.Vault.OpenObject] does.
func (b *Bundle) OpenObject(ctx context.Context, o manifest.Object) (io.ReadCloser, error) {
	name := vault.PlainObjectName(o)
	p, found := b.trail.find(ctx, name, o.Size)
	if !found {
		offset, err := b.index.find(ctx, o)
		if err != nil {
			return nil, err
		}
		p, err = b.trail.follow(ctx, offset)
		if errors.Is(err, io.EOF) {
			err = damaged(indexName, "it has an object at offset %d, behind the last", offset)
		}
		if err == nil && (p.Name != name || p.Size != o.Size) {
			err = damaged(indexName, "%d bytes of %q are at offset %d", p.Size, p.Name, offset)
		}
		if err != nil {
			return nil, err
		}
	}
	return vault.Checked(o, io.NopCloser(b.container.Content(ctx, p))), nil
}
