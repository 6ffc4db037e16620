package vault

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
	"time"

	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

const (
	prunedPrefix = "pruned/"
	clockPrefix  = prunedPrefix + "clock-"
)

// Retired is an archive or a segment of a journal that was taken out of use
// and is kept aside for a while: whoever began to rely on what it names, a
// backup or a restore, finds that still there.
type Retired struct {
	Name    string // for people: that of the archive, or of the segment
	Path    string // name in the store
	When    time.Time
	Archive *Archive // nil: not an archive
	Segment *Segment // nil: not a segment
}

// Retire takes a file of the vault out of use: it is copied below pruned/ and
// then deleted in its place. Stopped in between and done again, it is retired
// from the second time on. A file that another prune has retired meanwhile is
// [io/fs.ErrNotExist], and what that one kept aside stays.
func (v *Vault) Retire(ctx context.Context, name string, size int64) error {
	err := v.keepAside(ctx, name, size)
	if err == nil {
		err = v.Discard(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("retire %s: %w", name, err)
	}
	return nil
}

// keepAside copies a file below pruned/, or makes the copy that is there as
// young as one made now.
func (v *Vault) keepAside(ctx context.Context, name string, size int64) error {
	to := prunedPrefix + name
	create := func() error {
		f := newArchiveFile(ctx, v.store, name, Info{Name: name, Size: size})
		defer f.Close()
		return v.store.Create(ctx, to, io.NewSectionReader(f, 0, size))
	}
	err := create()
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	// The file must still be in its place: else its time began with the copy.
	if _, err := v.store.Stat(ctx, name); err != nil {
		return err
	}
	if touch, can := v.store.(Toucher); can {
		if err = touch.Touch(ctx, to); errors.Is(err, fs.ErrNotExist) {
			err = create()
		}
		return err
	}
	if err := v.Discard(ctx, to); err != nil {
		return err
	}
	if err = create(); errors.Is(err, fs.ErrExist) { // by another prune
		err = nil
	}
	return err
}

// Discard deletes a file of the vault for good; one that is gone is fine.
func (v *Vault) Discard(ctx context.Context, name string) error {
	if err := v.store.Delete(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Retired lists what is kept aside. Files that are none of that, such as
// signatures and what [Vault.Clock] left, have neither an archive nor a segment.
func (v *Vault) Retired(ctx context.Context) ([]Retired, error) {
	var list []Retired
	for info, err := range v.store.List(ctx, prunedPrefix) {
		if err != nil {
			return nil, fmt.Errorf("list what was pruned lately: %w", err)
		}
		was := strings.TrimPrefix(info.Name, prunedPrefix)
		r := Retired{Name: was, Path: info.Name, When: info.Modified}
		if a, ok := v.parseArchive(Info{Name: was, Size: info.Size}); ok {
			a.Path = info.Name
			r.Name, r.Archive = a.Name, &a
		} else if s, ok := v.parseSegmentPath(was); ok {
			s.Path = info.Name
			r.Segment = &s
		} else if _, ok := v.parseSignature(was); !ok && !strings.HasPrefix(info.Name, clockPrefix) {
			continue
		}
		list = append(list, r)
	}
	return list, nil
}

// parseSegmentPath reads the name of a segment of any source.
func (v *Vault) parseSegmentPath(name string) (Segment, bool) {
	source, ok := strings.CutPrefix(path.Dir(name)+"/", journalPrefix)
	if !ok {
		return Segment{}, false
	}
	return v.parseSegment(name, strings.TrimSuffix(source, "/"))
}

// StoredSegment is a segment with what the store says of it.
type StoredSegment struct {
	Segment
	Size     int64 // bytes
	Modified time.Time
}

// AllSegments yields the journals of all sources.
func (v *Vault) AllSegments(ctx context.Context) iter.Seq2[StoredSegment, error] {
	return func(yield func(StoredSegment, error) bool) {
		for info, err := range v.store.List(ctx, journalPrefix) {
			if err != nil {
				yield(StoredSegment{}, fmt.Errorf("list the journals: %w", err))
				return
			}
			s, ok := v.parseSegmentPath(info.Name)
			if ok && !yield(StoredSegment{Segment: s, Size: info.Size, Modified: info.Modified}, nil) {
				return
			}
		}
	}
}

// StoredObject is an object as it lies in the vault, and as [Vault.Stored] says
// of one; nothing of it was read.
type StoredObject struct {
	manifest.Object
	Name     string // in the store
	Modified time.Time
	State    store.State
}

// ListObjects yields the objects of the vault in the order of their digests, or
// of what stands for them. Other files among them are passed over.
func (v *Vault) ListObjects(ctx context.Context) iter.Seq2[StoredObject, error] {
	return v.listObjects(ctx, "")
}

// Shards is how many parts the objects of a vault can be listed in, by the first
// byte of their digests.
const Shards = 256

// ListShard is [Vault.ListObjects] for one part.
func (v *Vault) ListShard(ctx context.Context, first byte) iter.Seq2[StoredObject, error] {
	return v.listObjects(ctx, hex.EncodeToString([]byte{first})+"/")
}

// listObjects lists the objects in a folder of those that there are for them.
func (v *Vault) listObjects(ctx context.Context, folder string) iter.Seq2[StoredObject, error] {
	return func(yield func(StoredObject, error) bool) {
		prefix, nameOf := objectPrefix, PlainObjectName
		if v.Encrypted() {
			prefix, nameOf = hiddenPrefix, func(o manifest.Object) string { return hiddenName(o.SHA256) }
		}
		for info, err := range v.store.List(ctx, prefix+folder) {
			if err != nil {
				yield(StoredObject{}, fmt.Errorf("list the objects: %w", err))
				return
			}
			o := StoredObject{Object: manifest.Object{Size: info.Size}, Name: info.Name, Modified: info.Modified, State: info.State}
			digest, ext, _ := strings.Cut(path.Base(info.Name), ".")
			o.Ext = ext
			if o.SHA256.UnmarshalText([]byte(digest)) != nil || CheckObject(o.Object) != nil || nameOf(o.Object) != info.Name {
				continue
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// RestoresBegun tells for which archives, by their id, a restore has left
// notes in the vault, and when it left the last one.
func (v *Vault) RestoresBegun(ctx context.Context) (map[string]time.Time, error) {
	last := map[string]time.Time{}
	for info, err := range v.store.List(ctx, restoresPrefix) {
		if err != nil {
			return nil, fmt.Errorf("list the restores under way: %w", err)
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(info.Name, restoresPrefix), "/")
		if info.Modified.After(last[id]) {
			last[id] = info.Modified
		}
	}
	return last, nil
}

// restoresPrefix is where restores keep notes of what they have done.
const restoresPrefix = "restores/"

// Clock tells the time of the store, which dates what it keeps, by storing
// and deleting an empty file.
func (v *Vault) Clock(ctx context.Context) (time.Time, error) {
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return time.Time{}, fmt.Errorf("choose a name: %w", err)
	}
	name := clockPrefix + hex.EncodeToString(id)
	err := v.store.Create(ctx, name, strings.NewReader(""))
	var info Info
	if err == nil {
		info, err = v.store.Stat(ctx, name)
		err = errors.Join(err, v.Discard(ctx, name))
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the vault for its time: %w", err)
	}
	return info.Modified, nil
}
