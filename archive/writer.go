package archive

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"cvarchive/manifest"
)

// WriterOptions say how an archive is written.
type WriterOptions struct {
	// FrameSize is the number of bytes that are compressed on their own:
	// less makes a reader fetch less for one record, more compresses
	// better. 0: 1 MiB. From 4 KiB to 16 MiB.
	FrameSize int
	// TempDir is where spools live. Empty: the system's.
	TempDir string
	// ModTime is the date of the members, for those who unpack them. The
	// zero time is written as 1970.
	ModTime time.Time
}

// Writer writes one archive. It is for one goroutine; its spools are apart.
type Writer struct {
	opt      WriterOptions
	frames   *frameWriter
	tar      *tar.Writer
	projects []manifest.ProjectEntry
	members  []manifest.Member
	objects  manifest.ObjectDigest
	err      error // the first; nothing more is written then
}

// NewWriter starts an archive on w, which the caller closes after
// [Writer.Close]. What was written when something fails is no archive and is
// the caller's to throw away.
func NewWriter(w io.Writer, opt WriterOptions) (*Writer, error) {
	if opt.FrameSize == 0 {
		opt.FrameSize = defaultFrame
	}
	if opt.FrameSize < minFrame || opt.FrameSize > maxFrame {
		return nil, fmt.Errorf("a frame size of %d bytes is not between %d and %d", opt.FrameSize, minFrame, maxFrame)
	}
	if epoch := time.Unix(0, 0); opt.ModTime.Before(epoch) {
		opt.ModTime = epoch // a plain tar header knows no earlier date
	}
	f, err := newFrameWriter(w, opt.FrameSize)
	if err != nil {
		return nil, err
	}
	aw := &Writer{opt: opt, frames: f, tar: tar.NewWriter(f)}
	return aw, aw.addBytes(readmeName, []byte(readme))
}

// NewSpool opens a spool for the image records of one project.
func (w *Writer) NewSpool() (*Spool, error) {
	return newSpool(w.opt.TempDir, w.frames.enc, w.opt.FrameSize)
}

// ProjectMembers is what an archive holds of a project beside its image
// records.
type ProjectMembers struct {
	Project    manifest.Project
	Tags       []manifest.Tag
	Iterations []manifest.Iteration
	Export     manifest.Export
}

// AddProject writes the five members of a project and takes e into the
// manifest, with Counts and Token as they follow from what was written. It
// closes the spool, which may be nil for a project without image records.
// Members that cannot be encoded are refused before anything is written, and
// the writer can go on with another project; any other error is final.
func (w *Writer) AddProject(e manifest.ProjectEntry, p ProjectMembers, images *Spool) error {
	if images != nil {
		defer images.Close()
	}
	if w.err != nil {
		return w.err
	}
	files, err := w.encodeProject(e, &p)
	if err != nil {
		return fmt.Errorf("archive project %q: %w", e.Name, err)
	}
	var tally manifest.Tally
	if images != nil {
		if images.err != nil {
			return images.err
		}
		tally = images.tally
	}
	tally.Project(p.Tags, p.Iterations)
	e.Counts = tally.Counts()
	e.Token = manifest.TokenSummary{State: p.Export.State, Expires: p.Export.Expires}

	if err := w.writeProject(e.ID, &p, files, images); err != nil {
		w.err = fmt.Errorf("archive project %q: %w", e.Name, err)
		return w.err
	}
	w.projects = append(w.projects, e)
	return nil
}

// encodeProject gives the contents of the JSON members, in order.
func (w *Writer) encodeProject(e manifest.ProjectEntry, p *ProjectMembers) (files [len(projectFiles) - 1][]byte, err error) {
	if e.ID != p.Project.ID {
		return files, fmt.Errorf("the entry is of project %s, its members of %s", e.ID, p.Project.ID)
	}
	for i := range w.projects {
		if sameID(w.projects[i].ID, e.ID) {
			return files, fmt.Errorf("project %s is in the archive already", e.ID)
		}
	}
	if p.Export.State == "" && p.Export.Token.IsZero() {
		p.Export.State = manifest.TokenNone
	}
	for i, encode := range []func() ([]byte, error){
		func() ([]byte, error) { return manifest.EncodeProject(&p.Project) },
		func() ([]byte, error) { return manifest.EncodeTags(p.Tags) },
		func() ([]byte, error) { return manifest.EncodeIterations(p.Iterations) },
		func() ([]byte, error) { return manifest.EncodeExport(&p.Export) },
	} {
		if files[i], err = encode(); err != nil {
			return files, err
		}
	}
	return files, nil
}

func (w *Writer) writeProject(id string, p *ProjectMembers, files [len(projectFiles) - 1][]byte, images *Spool) error {
	if err := w.frames.cut(); err != nil {
		return err
	}
	for i, data := range files {
		if err := w.addBytes(memberName(id, projectFiles[i]), data); err != nil {
			return err
		}
	}
	for o := range manifest.ModelObjects(p.Iterations) {
		w.objects.Add(o)
	}
	if err := w.frames.cut(); err != nil {
		return err
	}
	if images == nil {
		return w.addBytes(memberName(id, imagesFile), nil)
	}
	return w.addImages(memberName(id, imagesFile), images)
}

// addImages writes the member whose content is in a spool.
func (w *Writer) addImages(name string, images *Spool) error {
	offset, size := w.frames.offset, images.size
	// What comes after the header are frames, which a tar.Writer does not
	// take: this one has no more to do.
	if err := tar.NewWriter(w.frames).WriteHeader(w.header(name, size)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	sum, err := images.moveTo(w.frames, &w.objects)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := w.frames.Write(make([]byte, padded(size)-size)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	w.members = append(w.members, manifest.Member{Name: name, Size: size, SHA256: sum, Offset: offset})
	return nil
}

func (w *Writer) header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: w.opt.ModTime.UTC().Truncate(time.Second)}
}

func (w *Writer) addBytes(name string, data []byte) error {
	return w.add(name, int64(len(data)), func(dst io.Writer) error {
		_, err := dst.Write(data)
		return err
	})
}

// add writes one member, its padding included, and takes note of it.
func (w *Writer) add(name string, size int64, content func(io.Writer) error) error {
	offset := w.frames.offset
	if err := w.tar.WriteHeader(w.header(name, size)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	out := &hashWriter{w: w.tar, hash: sha256.New()}
	if err := content(out); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := w.tar.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	w.members = append(w.members, manifest.Member{Name: name, Size: size, SHA256: out.sum(), Offset: offset})
	return nil
}

// Summary is what became of an archive.
type Summary struct {
	Manifest manifest.Manifest
	SHA256   manifest.Digest // of the whole file
	Size     int64           // bytes of the whole file
}

// Close writes the manifest and what ends the file. Of m, the caller fills
// what it knows of the capture; Format, FormatVersion, Projects, Members and
// Objects are filled in.
func (w *Writer) Close(m manifest.Manifest) (Summary, error) {
	if w.err != nil {
		return Summary{}, w.err
	}
	w.err = errors.New("the archive is closed")
	m.Format, m.FormatVersion = manifest.FormatName, manifest.FormatVersion()
	m.Projects, m.Members, m.Objects = w.projects, w.members, w.objects.Sum()
	data, err := manifest.EncodeManifest(&m)
	if err != nil {
		return Summary{}, fmt.Errorf("write the manifest: %w", err)
	}
	if err := w.finish(data); err != nil {
		return Summary{}, fmt.Errorf("finish the archive: %w", err)
	}
	return Summary{Manifest: m, SHA256: w.frames.out.sum(), Size: w.frames.out.size}, nil
}

func (w *Writer) finish(manifestJSON []byte) error {
	if err := w.frames.cut(); err != nil {
		return err
	}
	if err := w.addBytes(manifestName, manifestJSON); err != nil {
		return err
	}
	if err := w.tar.Close(); err != nil {
		return err
	}
	return w.frames.Close()
}
