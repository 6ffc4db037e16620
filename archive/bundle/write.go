package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/archive/sign"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// Names of the members.
const (
	readmeName = "README"
	indexName  = "index"
	lastName   = "bundle.json"
)

const (
	formatName    = "cvarchive-bundle"
	formatVersion = 1
)

// head is the content of bundle.json.
type head struct {
	Format        string          `json:"format"`
	FormatVersion int             `json:"formatVersion"`
	Tool          manifest.Tool   `json:"tool"`
	Archive       manifest.Member `json:"archive"`
	Index         manifest.Member `json:"index"`
	Objects       int64           `json:"objects"` // distinct ones
	Bytes         int64           `json:"bytes"`   // their sizes
	// Signature is that of the archive; nil: it is not signed.
	Signature *manifest.Member `json:"signature,omitempty"`
}

// Options say how to bundle.
type Options struct {
	Tool     manifest.Tool
	Progress progress.Func
	// TempDir is where the index of more than some ten thousand objects is
	// sorted, 64 bytes for each. Empty: the system's.
	TempDir string

	sortedAtOnce int // 0: as many as usual
}

// Summary is a finished bundle.
type Summary struct {
	SHA256         manifest.Digest // of the file
	Size           int64           // of the file
	Archive        string          // name of the archive in it
	Objects, Bytes int64
}

// Source is an archive to bundle.
type Source struct {
	Name      string // "<source>/<time>-<id>"
	Path      string // where a vault would keep it
	File      io.ReaderAt
	Size      int64
	Signature []byte // of the archive; nil: it is not signed
	Objects   Objects
}

// Objects gives bytes that were checked; a vault is one.
type Objects interface {
	OpenObject(ctx context.Context, o manifest.Object) (io.ReadCloser, error)
}

// Write writes a bundle to w, which the caller closes. The archive is checked
// first, and each object while it is read; one that is missing or damaged ends
// it. What was written when something fails is no bundle.
func Write(ctx context.Context, src Source, w io.Writer, opt Options) (*Summary, error) {
	r, err := archive.NewReader(src.File, src.Size)
	if err != nil {
		return nil, err
	}
	bad := ""
	if _, err := r.Verify(ctx, func(p archive.Problem) { bad = p.Member + " " + p.Reason }); err != nil {
		return nil, err
	}
	if bad != "" {
		return nil, fmt.Errorf("it is damaged (%s) and is not bundled; cvarchive verify tells all", bad)
	}
	c, err := archive.NewContainerWriter(w, r.Manifest().Started)
	if err != nil {
		return nil, err
	}
	b := &writing{c: c, opt: opt, index: newSorter(opt.TempDir, opt.sortedAtOnce), head: head{Format: formatName, FormatVersion: formatVersion, Tool: opt.Tool}}
	defer b.index.close() // nothing in it is of use after this
	if _, err := b.text(readmeName, []byte(readme), false); err != nil {
		return nil, err
	}
	b.head.Archive, err = c.Add(src.Path, src.Size, true, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(src.File, 0, src.Size))
		return err
	})
	if err != nil {
		return nil, err
	}
	if src.Signature != nil {
		m, err := b.text(src.Path+sign.Suffix, src.Signature, false)
		if err != nil {
			return nil, err
		}
		b.head.Signature = &m
	}
	opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "objects of " + src.Name, Total: r.Manifest().Objects.Count})
	if err := b.objects(ctx, r, src.Objects); err != nil {
		return nil, err
	}
	return b.finish(src.Name)
}

type writing struct {
	c     *archive.ContainerWriter
	opt   Options
	head  head
	index *sorter
}

func (b *writing) text(name string, data []byte, apart bool) (manifest.Member, error) {
	return b.c.Add(name, int64(len(data)), apart, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// objects adds each object once.
func (b *writing) objects(ctx context.Context, r *archive.Reader, from Objects) error {
	return readObjects(ctx, r, from, func(a *ahead, content func(io.Writer) error) error {
		m, err := b.c.Add(vault.PlainObjectName(a.Object), a.Size, false, content)
		if err != nil {
			return err
		}
		if err := b.index.add(a.Object, m.Offset); err != nil {
			return err
		}
		b.head.Objects++
		b.head.Bytes += a.Size
		b.opt.Progress.Send(progress.Event{Kind: progress.ItemDone, Item: "object " + a.SHA256.String(), Bytes: a.Size, Done: a.mentions, Total: r.Manifest().Objects.Count})
		return nil
	})
}

func (b *writing) finish(name string) (*Summary, error) {
	var err error
	if b.head.Index, err = b.c.Add(indexName, b.index.size, true, b.index.writeTo); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(b.head, "", "  ")
	if err != nil {
		return nil, err
	}
	if _, err := b.text(lastName, append(data, '\n'), true); err != nil {
		return nil, err
	}
	sum, size, err := b.c.Close()
	if err != nil {
		return nil, err
	}
	return &Summary{SHA256: sum, Size: size, Archive: name, Objects: b.head.Objects, Bytes: b.head.Bytes}, nil
}

const readme = `This is a cvarchive bundle: one backup of an Azure AI Custom Vision resource with
the bytes of all its images and models, in format version 1.

It is a tar compressed with Zstandard. To unpack it:

    tar --zstd -xf FILE          (or: zstd -dc FILE | tar -xf -)

archives/…                  the archive, itself a tar compressed with Zstandard:
                            its README says what it holds; a .sig beside it is
                            its signature, for ssh-keygen -Y verify -n cvarchive
objects/sha256/ab/…         every image and model, named by its SHA-256, which
                            the records of the archive give
index                       SHA-256, size, extension and place of each object
bundle.json                 where the archive and the index are in this file

cvarchive inspect, verify and restore open this file as it is, and cvarchive
unbundle brings it into a vault.
`
