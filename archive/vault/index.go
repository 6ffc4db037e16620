package vault

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"cvarchive/manifest"
)

const (
	indexPrefix  = "index/"
	indexFormat  = "cvarchive-index"
	indexVersion = 1
	maxIndexHead = 4 << 10 // bytes
)

// indexHead is the first line of an index. What follows is the archive that
// [Keys.Index] made.
type indexHead struct {
	Format        string          `json:"format"`
	FormatVersion int             `json:"formatVersion"`
	Archive       string          `json:"archive"`      // its name
	SHA256        manifest.Digest `json:"sha256"`       // of the archive
	Size          int64           `json:"size"`         // of the archive
	StoredSHA256  manifest.Digest `json:"storedSha256"` // of the encrypted file
	StoredSize    int64           `json:"storedSize"`   // of the encrypted file
}

// commitEncrypted stores the index of an archive and then the archive, so
// that one which is listed has an index.
func (v *Vault) commitEncrypted(ctx context.Context, a *Archive, body Content) error {
	if v.crypt.index == nil {
		return errors.New("nothing was given that writes its index")
	}
	file, remove, err := v.crypt.tempFile()
	if err != nil {
		return err
	}
	defer remove()
	head, err := v.crypt.encryptArchive(file, body)
	if err != nil {
		return err
	}
	head.Archive, a.Size = a.Name, head.StoredSize
	path, err := v.indexPath(a.Name, file)
	if err == nil {
		err = v.writeIndex(ctx, path, head, body)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	err = v.store.Create(ctx, a.Path, file)
	if errors.Is(err, fs.ErrExist) { // and has an index of its own
		err = errors.Join(err, v.Discard(ctx, path))
	}
	return err
}

// encryptArchive encrypts an archive into a file.
func (c *crypt) encryptArchive(file *os.File, body Content) (indexHead, error) {
	head := indexHead{Format: indexFormat, FormatVersion: indexVersion}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return head, err
	}
	plain, stored := sha256.New(), sha256.New()
	err := sealTo(io.MultiWriter(file, stored), c.to, io.TeeReader(body, plain))
	if err == nil {
		head.Size, err = body.Seek(0, io.SeekCurrent)
	}
	if err == nil {
		head.StoredSize, err = file.Seek(0, io.SeekCurrent)
	}
	head.SHA256, head.StoredSHA256 = manifest.Digest(plain.Sum(nil)), manifest.Digest(stored.Sum(nil))
	return head, err
}

func (v *Vault) writeIndex(ctx context.Context, path string, head indexHead, body Content) error {
	file, remove, err := v.crypt.tempFile()
	if err != nil {
		return err
	}
	defer remove()
	w, err := v.crypt.naming.To.Encrypt(file)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 256<<10)
	err = json.NewEncoder(out).Encode(head)
	if err == nil {
		err = v.crypt.index(ctx, body, head.Size, out)
	}
	if err == nil {
		err = out.Flush()
	}
	if err = errors.Join(err, w.Close()); err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = v.store.Create(ctx, path, file)
	}
	if err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	return nil
}

// indexPath is where the index of an archive is that is encrypted in a file.
// What comes first in the file is drawn anew whenever something is encrypted,
// so that a name belongs to one file, and two writers of the same archive
// have an index each.
func (v *Vault) indexPath(name string, file io.ReaderAt) (string, error) {
	first := make([]byte, v.crypt.to.HeaderSize())
	n, err := file.ReadAt(first, 0)
	if err != nil && (!errors.Is(err, io.EOF) || n < len(first)) {
		return "", err
	}
	sum := sha256.Sum256(first)
	return indexPrefix + name + "-" + hex.EncodeToString(sum[:8]) + sealedSuffix, nil
}

// OpenIndex opens what can be known of an archive without an identity: an
// archive with the ids of projects and images, and with the objects, of the
// other. In a vault that is not encrypted, that is the archive itself.
func (v *Vault) OpenIndex(ctx context.Context, a Archive) (*ArchiveFile, error) {
	if !v.Encrypted() {
		return v.OpenArchive(ctx, a)
	}
	f, _, err := v.openIndex(ctx, a)
	if errors.Is(err, errNoIndex) && v.CanRead() == nil {
		return v.OpenArchive(ctx, a)
	}
	return f, err
}

// errNoIndex means that the index of an archive is not there.
var errNoIndex = errors.New("no index")

// openIndex finds the index that belongs to the file, and opens it.
func (v *Vault) openIndex(ctx context.Context, a Archive) (*ArchiveFile, indexHead, error) {
	a = v.own(a)
	info, err := v.stat(ctx, a)
	if err != nil {
		return nil, indexHead{}, err
	}
	first, err := v.store.Open(ctx, a.Path, 0, v.crypt.to.HeaderSize())
	var path string
	if err == nil {
		path, err = v.indexPath(a.Name, readAhead{first})
		err = errors.Join(err, first.Close())
	}
	if errors.Is(err, io.EOF) {
		return nil, indexHead{}, &ArchiveError{Archive: a.Name, Reason: "is damaged: nothing but its first bytes is left", Hint: hintCopy}
	}
	if err != nil {
		return nil, indexHead{}, fmt.Errorf("open archive %s: %w", a.Name, err)
	}
	return v.readIndex(ctx, a, path, info)
}

// readAhead reads what comes first.
type readAhead struct{ r io.Reader }

func (r readAhead) ReadAt(p []byte, _ int64) (int, error) {
	n, err := io.ReadFull(r.r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// readIndex opens an index and checks that it is of the archive.
func (v *Vault) readIndex(ctx context.Context, a Archive, path string, stored Info) (*ArchiveFile, indexHead, error) {
	info, err := v.store.Stat(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, indexHead{}, &ArchiveError{Archive: a.Name, Err: errNoIndex, Reason: "has no index (" + path + "), or its first bytes were altered", Hint: "cvarchive init --identity FILE writes it again, if the archive is whole"}
	}
	if err != nil {
		return nil, indexHead{}, fmt.Errorf("open the index of archive %s: %w", a.Name, err)
	}
	f := newArchiveFile(ctx, v.store, "index of "+a.Name, info)
	head, err := f.openIndex(v.crypt)
	if err == nil && (head.Archive != a.Name || head.StoredSize != stored.Size) {
		err = &ArchiveError{Archive: a.Name, Reason: fmt.Sprintf("is not the one that its index is of (%s, %d bytes; found %d)", head.Archive, head.StoredSize, stored.Size), Hint: hintRight}
	}
	if err != nil {
		f.Close()
		return nil, head, err
	}
	f.state = stored.State
	return f, head, nil
}

// openIndex decrypts an index, as far as its first line.
func (f *ArchiveFile) openIndex(c *crypt) (head indexHead, err error) {
	if err := f.decrypt(c.naming.Opener, 0); err != nil {
		return head, err
	}
	line, err := bufio.NewReader(io.NewSectionReader(f, 0, min(f.Size(), maxIndexHead))).ReadBytes('\n')
	switch {
	case errors.Is(err, io.EOF):
		err = errors.New("no first line")
	case err == nil:
		err = json.Unmarshal(line, &head)
	}
	if err == nil && (head.Format != indexFormat || head.FormatVersion != indexVersion) {
		err = fmt.Errorf("format %.20q, version %d; use a newer cvarchive", head.Format, head.FormatVersion)
	}
	if err != nil {
		return head, &ArchiveError{Archive: f.name, Reason: fmt.Sprintf("cannot be read: %v", manifest.Brief(err)), Hint: hintCopy}
	}
	return head, f.decrypt(c.naming.Opener, int64(len(line)))
}

// Digest reads an archive to its end and returns its SHA-256, that of the
// plain archive in an encrypted vault too. There it takes no identity: what is
// stored is compared with what the index says of it, and an [*ArchiveError]
// says that it was altered.
func (v *Vault) Digest(ctx context.Context, a Archive) (manifest.Digest, error) {
	if !v.Encrypted() {
		f, err := v.OpenArchive(ctx, a)
		if err != nil {
			return manifest.Digest{}, err
		}
		defer f.Close()
		return digestOf(f.ranges)
	}
	index, head, err := v.openIndex(ctx, a)
	if err != nil {
		return manifest.Digest{}, err
	}
	index.Close()
	f := newRanges(ctx, v.store, a.Name, Info{Name: v.own(a).Path, Size: head.StoredSize})
	defer f.Close()
	got, err := digestOf(f)
	if err == nil && got != head.StoredSHA256 {
		err = &ArchiveError{Archive: a.Name, Reason: fmt.Sprintf("is not as it was written: its encrypted file has the SHA-256 %s instead of %s", got, head.StoredSHA256), Hint: hintCopy}
	}
	return head.SHA256, err
}

func digestOf(f *ranges) (manifest.Digest, error) {
	h := sha256.New()
	_, err := io.CopyBuffer(h, io.NewSectionReader(f, 0, f.size), make([]byte, 1<<20))
	return manifest.Digest(h.Sum(nil)), err
}

var indexPattern = regexp.MustCompile(`^(.*)-[0-9a-f]{16}$`)

// SweepIndexes deletes the indexes of archives that are gone, also from among
// what was pruned lately, and that were written before a time: another writer
// stores the index before the archive.
func (v *Vault) SweepIndexes(ctx context.Context, before time.Time) (deleted int64, err error) {
	if !v.Encrypted() {
		return 0, nil
	}
	keep := map[string]bool{}
	archives, err := v.Archives(ctx)
	if err != nil {
		return 0, err
	}
	retired, err := v.Retired(ctx)
	if err != nil {
		return 0, err
	}
	for _, r := range retired {
		if r.Archive != nil {
			archives = append(archives, *r.Archive)
		}
	}
	for _, a := range archives {
		keep[a.Name] = true
	}
	for info, err := range v.store.List(ctx, indexPrefix) {
		if err != nil {
			return deleted, fmt.Errorf("list the indexes: %w", err)
		}
		name := indexPattern.FindStringSubmatch(strings.TrimSuffix(strings.TrimPrefix(info.Name, indexPrefix), sealedSuffix))
		if name == nil || keep[name[1]] || !info.Modified.Before(before) {
			continue
		}
		if err := v.Discard(ctx, info.Name); err != nil {
			return deleted, fmt.Errorf("delete the index %s: %w", info.Name, err)
		}
		deleted++
	}
	return deleted, nil
}
