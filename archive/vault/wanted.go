package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"cvarchive/manifest"
)

// wantedPrefix is where a writer notes which objects it relies on that it
// cannot make young: those in the archive tier, and those that a policy
// protects which somebody else set.
const wantedPrefix = "wanted/"

// Wanted is such a note. It counts like an object that is as young as it is.
type Wanted struct {
	Info
	Object manifest.Object // as [Vault.Stored] has it
}

// want notes that an object is relied on.
func (v *Vault) want(ctx context.Context, o manifest.Object) error {
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("choose a name: %w", err)
	}
	stored := v.Stored(o)
	name := fmt.Sprintf("%s%d-%s", wantedFor(stored), stored.Size, hex.EncodeToString(id))
	if err := v.store.Create(ctx, name, bytes.NewReader(nil)); err != nil {
		return fmt.Errorf("note that object %s is relied on: %w", o.SHA256, err)
	}
	return nil
}

// wantedFor begins the names of notes about an object.
func wantedFor(o manifest.Object) string { return wantedPrefix + o.SHA256.String() + "." + o.Ext + "/" }

// Wanted yields all notes. Other files among them are passed over.
func (v *Vault) Wanted(ctx context.Context) iter.Seq2[Wanted, error] {
	return v.listWanted(ctx, wantedPrefix)
}

// IsWanted reports whether there is a note about an object.
func (v *Vault) IsWanted(ctx context.Context, o manifest.Object) (bool, error) {
	for w, err := range v.listWanted(ctx, wantedFor(o)) {
		return err == nil && w.Object == o, err
	}
	return false, nil
}

func (v *Vault) listWanted(ctx context.Context, prefix string) iter.Seq2[Wanted, error] {
	return func(yield func(Wanted, error) bool) {
		for info, err := range v.store.List(ctx, prefix) {
			if err != nil {
				yield(Wanted{}, fmt.Errorf("list the objects that are relied on: %w", err))
				return
			}
			w := Wanted{Info: info}
			file, note, ok := strings.Cut(strings.TrimPrefix(info.Name, wantedPrefix), "/")
			digest, ext, dot := strings.Cut(file, ".")
			size, _, dash := strings.Cut(note, "-")
			w.Object.Ext = ext
			w.Object.Size, err = strconv.ParseInt(size, 10, 64)
			if !ok || !dot || !dash || err != nil || w.Object.SHA256.UnmarshalText([]byte(digest)) != nil || CheckObject(w.Object) != nil {
				continue
			}
			if !yield(w, nil) {
				return
			}
		}
	}
}

// RestoreNotes yields what restores left in the vault, each with the id of the
// archive that it was of.
func (v *Vault) RestoreNotes(ctx context.Context) iter.Seq2[RestoreNote, error] {
	return func(yield func(RestoreNote, error) bool) {
		for info, err := range v.store.List(ctx, restoresPrefix) {
			if err != nil {
				yield(RestoreNote{}, fmt.Errorf("list what restores left: %w", err))
				return
			}
			id, _, ok := strings.Cut(strings.TrimPrefix(info.Name, restoresPrefix), "/")
			if ok && idPattern.MatchString(id) && !yield(RestoreNote{Info: info, ArchiveID: id}, nil) {
				return
			}
		}
	}
}

// RestoreNote is a file that a restore left.
type RestoreNote struct {
	Info
	ArchiveID string
}
