package bundle

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

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

// maxIndex bounds the index, in bytes: three million objects.
const maxIndex = 512 << 20

// Bundle is an open bundle. It is safe for concurrent use.
type Bundle struct {
	container *archive.Container
	head      head
	entries   []entry // in the order of their digests
	archive   io.ReaderAt
	signature []byte // of the archive; nil: none
	info      vault.Archive
}

// Open opens a bundle. A file that is none, an archive for one, is
// [ErrNotBundle]; errors of a damaged one are those of package archive. The
// context governs reads of the archive in it.
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
	if !ok || b.head.Index.Name != indexName || b.head.Index.Size > maxIndex {
		return nil, damaged(lastName, "it does not say where the archive and the index are")
	}
	b.info = info
	if b.archive, err = c.Section(ctx, b.head.Archive); err != nil {
		return nil, err
	}
	if err := b.readSignature(ctx); err != nil {
		return nil, err
	}
	return b, b.readIndex(ctx)
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

func (b *Bundle) readIndex(ctx context.Context) error {
	r, err := b.container.Open(ctx, b.head.Index)
	if err != nil {
		return err
	}
	h := sha256.New()
	in := bufio.NewScanner(io.TeeReader(r, h))
	for in.Scan() {
		e, ok := parseEntry(in.Text())
		if n := len(b.entries); !ok || n > 0 && compareEntries(b.entries[n-1], e) >= 0 {
			return damaged(indexName, "line %d is not as it must be", n+1)
		}
		b.entries = append(b.entries, e)
	}
	if err := in.Err(); err != nil {
		return err
	}
	if manifest.Digest(h.Sum(nil)) != b.head.Index.SHA256 {
		return damaged(indexName, "its SHA-256 is not that of %s", lastName)
	}
	return nil
}

func parseEntry(line string) (e entry, ok bool) {
	f := strings.Split(line, " ")
	if len(f) != 4 || e.SHA256.UnmarshalText([]byte(f[0])) != nil {
		return e, false
	}
	var err1, err2 error
	e.Size, err1 = strconv.ParseInt(f[1], 10, 64)
	e.Ext = f[2]
	e.offset, err2 = strconv.ParseInt(f[3], 10, 64)
	return e, err1 == nil && err2 == nil && e.offset >= 0 && e.offset < math.MaxInt64/2 && vault.CheckObject(e.Object) == nil
}

// Archive returns the bytes of the archive in the bundle.
func (b *Bundle) Archive() (ra io.ReaderAt, size int64) { return b.archive, b.info.Size }

// Signature returns the signature of the archive; nil: it is not signed.
func (b *Bundle) Signature() []byte { return b.signature }

// Info names the archive as the vault did that it came from.
func (b *Bundle) Info() vault.Archive { return b.info }

// Objects returns how many objects are in the bundle, and their size in bytes.
func (b *Bundle) Objects() (count, size int64) { return b.head.Objects, b.head.Bytes }

// OpenObject reads an object; it is checked as [vault.Vault.OpenObject] does.
func (b *Bundle) OpenObject(ctx context.Context, o manifest.Object) (io.ReadCloser, error) {
	i, found := slices.BinarySearchFunc(b.entries, o, func(e entry, o manifest.Object) int { return bytes.Compare(e.SHA256[:], o.SHA256[:]) })
	if !found {
		return nil, &vault.ObjectError{Object: o, Reason: "is not in the bundle", Err: fs.ErrNotExist}
	}
	e := b.entries[i]
	if e.Object != o {
		return nil, &vault.ObjectError{Object: o, Reason: fmt.Sprintf("is in the bundle with %d bytes as %s", e.Size, e.Ext)}
	}
	r, err := b.container.Open(ctx, manifest.Member{Name: vault.PlainObjectName(o), Size: o.Size, Offset: e.offset})
	if err != nil {
		return nil, err
	}
	return vault.Checked(o, io.NopCloser(r)), nil
}
