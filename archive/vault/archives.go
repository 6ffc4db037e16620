package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// Latest is the reference to the newest archive of all that is not
// incomplete, or after "<source>/" of one source.
const Latest = "latest"

// Content is a finished archive, such as an [os.File].
type Content interface {
	io.ReadSeeker
	io.ReaderAt
}

// CommitArchive stores a finished archive under a new name and returns when
// it is durable. Every object that the archive names must have been stored
// before; they are durable by then. The error for a name that is taken is [fs.ErrExist]. In a vault that
// signs ([Vault.Signing]), an archive that was stored without its signature is
// returned together with an [*UnsignedError].
func (v *Vault) CommitArchive(ctx context.Context, source string, created time.Time, id string, body Content) (Archive, error) {
	return v.commit(ctx, source, created, id, false, body)
}

// CommitIncomplete is [Vault.CommitArchive] for an archive that lost too much
// to be taken for the state of its source: it is marked by its name in the
// store and never the [Latest].
func (v *Vault) CommitIncomplete(ctx context.Context, source string, created time.Time, id string, body Content) (Archive, error) {
	return v.commit(ctx, source, created, id, true, body)
}

func (v *Vault) commit(ctx context.Context, source string, created time.Time, id string, incomplete bool, body Content) (Archive, error) {
	a, err := v.newArchive(source, created, id, incomplete)
	if err != nil {
		return Archive{}, fmt.Errorf("commit an archive: %w", err)
	}
	if err := v.Flush(ctx); err != nil { // the objects that it names come first
		return Archive{}, fmt.Errorf("commit archive %s: %w", a.Name, err)
	}
	var unsigned error
	if a.Size, err = body.Seek(0, io.SeekEnd); err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err == nil && v.signer != nil {
		unsigned = v.sign(ctx, a, body)
		a.Signed = unsigned == nil
		_, err = body.Seek(0, io.SeekStart)
	}
	if err == nil && v.Encrypted() {
		err = v.commitEncrypted(ctx, &a, body)
	} else if err == nil {
		err = v.store.Create(ctx, a.Path, body)
	}
	if err != nil {
		return Archive{}, fmt.Errorf("commit archive %s: %w", a.Name, err)
	}
	if unsigned != nil {
		return a, &UnsignedError{Archive: a, Err: unsigned}
	}
	return a, nil
}

// Archives lists the archives of the vault, oldest first. Names that are not
// those of archives are passed over; [Vault.Strays] has them.
func (v *Vault) Archives(ctx context.Context) ([]Archive, error) {
	archives, _, err := v.listArchives(ctx)
	return archives, err
}

// maxStrays bounds what [Vault.Strays] lists.
const maxStrays = 10_000

// Strays lists what lies among the archives and is not named like one, the
// first 10,000 of it. A vault never touches it.
func (v *Vault) Strays(ctx context.Context) ([]Info, error) {
	_, strays, err := v.listArchives(ctx)
	return strays, err
}

func (v *Vault) listArchives(ctx context.Context) (archives []Archive, strays []Info, err error) {
	signed := map[string]Info{} // signatures, by the path of the archive
	for info, err := range v.store.List(ctx, archivePrefix) {
		if err != nil {
			return nil, nil, fmt.Errorf("list the archives: %w", err)
		}
		if a, ok := v.parseArchive(info); ok {
			archives = append(archives, a)
			v.listed.Store(a.Path, info)
		} else if path, ok := v.parseSignature(info.Name); ok {
			signed[path] = info
		} else if len(strays) < maxStrays {
			strays = append(strays, info)
		}
	}
	for i := range archives {
		_, archives[i].Signed = signed[archives[i].Path]
		delete(signed, archives[i].Path)
	}
	for _, path := range slices.Sorted(maps.Keys(signed)) { // of no archive
		if len(strays) < maxStrays {
			strays = append(strays, signed[path])
		}
	}
	slices.SortFunc(archives, func(a, b Archive) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Name, b.Name), strings.Compare(b.Path, a.Path))
	})
	return archives, strays, nil
}

// Resolve finds the archive that a person means: a name from the list, a
// prefix of it, of its "<time>-<id>" or of its id that fits no other archive,
// [Latest], or "<source>/latest". A reference that fits none or several is a
// [*RefError].
func (v *Vault) Resolve(ctx context.Context, ref string) (Archive, error) {
	archives, err := v.Archives(ctx)
	if err != nil {
		return Archive{}, err
	}
	slices.Reverse(archives)
	fail := &RefError{Ref: ref, Store: v.String(), Empty: len(archives) == 0}
	want := strings.TrimPrefix(ref, archivePrefix)
	for _, suffix := range []string{sealedSuffix, archiveSuffix, lossySuffix} {
		want = strings.TrimSuffix(want, suffix)
	}
	if want == "" {
		return Archive{}, fail
	}
	source, last, qualified := strings.Cut(want, "/")
	for _, a := range archives {
		isLatest := want == Latest || qualified && last == Latest && a.Source == source
		if a.Name == want || isLatest && !a.Incomplete {
			return a, nil
		}
		fail.Incomplete = fail.Incomplete || isLatest
		if _, file, _ := strings.Cut(a.Name, "/"); strings.HasPrefix(a.Name, want) ||
			strings.HasPrefix(file, want) || strings.HasPrefix(a.ID, want) {
			fail.Candidates = append(fail.Candidates, a)
		}
	}
	if len(fail.Candidates) == 1 {
		return fail.Candidates[0], nil
	}
	return Archive{}, fail
}

// OpenArchive opens an archive for reading at any place. The context governs
// every read until Close. Nothing is read yet, so that one that was listed and is
// gone shows with the first read, unless it is encrypted: then
// that takes an identity, and the error is a [*KeyError] without the right one.
func (v *Vault) OpenArchive(ctx context.Context, a Archive) (*ArchiveFile, error) {
	a = v.own(a)
	if err := v.CanRead(); err != nil {
		return nil, fmt.Errorf("open archive %s: %w", a.Name, err)
	}
	info, err := v.stat(ctx, a)
	if err != nil {
		return nil, err
	}
	f := newArchiveFile(ctx, v.store, a.Name, info)
	f.state = info.State
	if v.Encrypted() {
		err = f.decrypt(v.crypt.opener, 0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// stat looks an archive up. What was listed is not asked for again: an archive is
// written once, so that all that can have come of it is that it is gone, and
// whoever reads it is told.
func (v *Vault) stat(ctx context.Context, a Archive) (Info, error) {
	if info, ok := v.listed.Load(a.Path); ok {
		return info.(Info), nil
	}
	info, err := v.store.Stat(ctx, a.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return info, errGone(a.Name, v.store)
	}
	if err != nil {
		return info, fmt.Errorf("open archive %s: %w", a.Name, err)
	}
	return info, nil
}

// errGone says that an archive is not there, and is [fs.ErrNotExist].
func errGone(name string, s Store) error {
	return fmt.Errorf("archive %s is not in %s any more; `cvarchive list` shows what is: %w", name, s, fs.ErrNotExist)
}
