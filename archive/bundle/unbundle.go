package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/download"
	"cvarchive/archive/objectset"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// Unbundled is what came of bringing a bundle into a vault.
type Unbundled struct {
	Archive             vault.Archive
	SHA256              manifest.Digest // of the archive file
	Existed             bool            // the vault had the archive
	Objects             int64           // distinct ones
	Stored, StoredBytes int64           // of them, those that the vault did not have
}

const concurrency = 8

// Unbundle stores the objects of a bundle in a vault, as far as they are not
// there, and then the archive. It is checked before, and each object while it
// is read and when it is stored. Done again, or after it was stopped, it adds
// what is missing.
func Unbundle(ctx context.Context, b *Bundle, v *vault.Vault, send progress.Func) (*Unbundled, error) {
	r, err := archive.NewReader(b.archive, b.info.Size)
	if err != nil {
		return nil, err
	}
	bad := ""
	done, err := r.Verify(ctx, func(p archive.Problem) { bad = p.Member + " " + p.Reason })
	if err != nil {
		return nil, err
	}
	if m := r.Manifest(); bad == "" && (m.ID != b.info.ID || m.Source.Name != b.info.Source) {
		bad = "it calls itself " + m.Source.Name + "/…-" + m.ID
	}
	if bad != "" {
		return nil, fmt.Errorf("the archive %s in the bundle is damaged: %s; use another copy of the bundle", b.info.Name, bad)
	}
	if err := b.CheckIndex(ctx); err != nil {
		return nil, err
	}
	out := &Unbundled{SHA256: done.SHA256}
	send.Send(progress.Event{Kind: progress.PhaseStarted, Message: "objects of " + b.info.Name, Total: r.Manifest().Objects.Count})
	if err := b.store(ctx, r, v, out, send); err != nil {
		return nil, errors.Join(err, v.Flush(context.WithoutCancel(ctx))) // another run adds the rest
	}
	return out, b.commit(ctx, v, out)
}

func (b *Bundle) store(ctx context.Context, r *archive.Reader, v *vault.Vault, out *Unbundled, send progress.Func) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	memory := download.NewMemory()
	var seen objectset.Set
	var stored, bytes atomic.Int64
	var broken error
	mentions, total := int64(0), r.Manifest().Objects.Count
	for o, err := range r.Objects(gctx) {
		if err != nil {
			broken = err
			break
		}
		if mentions++; !seen.Insert(objectset.OfLine(o)) {
			continue
		}
		out.Objects++
		at := mentions
		g.Go(func() error {
			has, err := v.KeepObject(gctx, o)
			if err == nil && !has {
				if err = b.put(gctx, v, o, memory); err == nil {
					stored.Add(1)
					bytes.Add(o.Size)
				}
			}
			if err == nil {
				send.Send(progress.Event{Kind: progress.ItemDone, Item: "object " + o.SHA256.String(), Bytes: o.Size, Done: at, Total: total})
			}
			return err
		})
	}
	err := g.Wait()
	out.Stored, out.StoredBytes = stored.Load(), bytes.Load()
	if err == nil {
		err = broken
	}
	return err
}

func (b *Bundle) put(ctx context.Context, v *vault.Vault, o manifest.Object, memory *download.Memory) error {
	r, err := b.OpenObject(ctx, o)
	if err != nil {
		return err
	}
	defer r.Close()
	body := memory.NewChecked("", o)
	defer body.Close()
	if err := body.Expect(ctx, o.Size); err != nil {
		return err
	}
	if _, err := body.ReadFrom(r); err != nil {
		return err
	}
	_, err = v.PutObject(ctx, o, body.Reader())
	return err
}

// commit stores the archive; one that is there must be the same.
func (b *Bundle) commit(ctx context.Context, v *vault.Vault, out *Unbundled) error {
	a := b.info
	store := v.CommitArchive
	if a.Incomplete {
		store = v.CommitIncomplete
	}
	if err := b.sign(ctx, v, out.SHA256); err != nil {
		return err
	}
	stored, err := store(ctx, a.Source, a.Created, a.ID, io.NewSectionReader(b.archive, 0, a.Size))
	if errors.Is(err, fs.ErrExist) {
		out.Existed = true
		out.Archive = a
		return sameArchive(ctx, v, a, out.SHA256)
	}
	out.Archive = stored
	out.Archive.Signed = b.info.Signed
	return err
}

// sign stores the signature before the archive. A vault that has the archive
// keeps what it has.
func (b *Bundle) sign(ctx context.Context, v *vault.Vault, digest manifest.Digest) error {
	if b.signature == nil {
		return nil
	}
	if err := sameArchive(ctx, v, b.info, digest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := v.PutSignature(ctx, b.info, b.signature); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func sameArchive(ctx context.Context, v *vault.Vault, a vault.Archive, want manifest.Digest) error {
	got, err := v.Digest(ctx, a)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s has another archive under the name %s; find out which is right with cvarchive verify", v, a.Name)
	}
	return nil
}
