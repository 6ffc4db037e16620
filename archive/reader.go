package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"cvarchive/manifest"
)

// Reader reads one archive. It is safe for concurrent use and holds the
// manifest, the seek table and the last 256 KiB of the file.
type Reader struct {
	src            *source
	manifest       *manifest.Manifest
	manifestJSON   []byte
	manifestOffset int64
	maxImages      int // records of one project
}

// NewReader opens an archive of the given size in bytes. It reads the end of
// the file, and again only for a seek table or a manifest that the first
// read does not cover. The file must not change while the reader is in use.
//
// The error is [ErrNotArchive], a [*VersionError] or a [*CorruptError] where
// the file is to blame.
func NewReader(ra io.ReaderAt, size int64) (*Reader, error) {
	src, err := openSource(ra, size)
	if err != nil {
		return nil, err
	}
	content, offset, err := src.findLast(context.Background(), manifestName)
	if err != nil {
		return nil, err
	}
	if content == nil {
		switch from, err := src.origin(); {
		case err != nil:
			return nil, err
		case from == isArchive:
			return nil, corrupt(manifestName, "it is not at the end of the file")
		}
		return nil, ErrNotArchive
	}
	m, err := manifest.DecodeManifest(content)
	switch _, newer := errors.AsType[*VersionError](err); {
	case newer:
		return nil, err
	case errors.Is(err, manifest.ErrNotManifest):
		return nil, ErrNotArchive
	case err != nil:
		return nil, corrupt(manifestName, "%v", err)
	}
	r := &Reader{src: src, manifest: m, manifestJSON: content, manifestOffset: offset, maxImages: manifest.MaxImages}
	return r, r.checkMembers()
}

// Manifest returns the index of the archive. It must not be changed.
func (r *Reader) Manifest() *manifest.Manifest { return r.manifest }

// ManifestJSON returns manifest.json as it is in the archive. It must not be
// changed.
func (r *Reader) ManifestJSON() []byte { return r.manifestJSON }

// Size returns the size of the file in bytes.
func (r *Reader) Size() int64 { return r.src.size }

// checkMembers makes sure that every project has its members, in order, and
// that all of them are where members can be.
func (r *Reader) checkMembers() error {
	at := make(map[string]int, len(r.manifest.Members))
	end := int64(0)
	for i, m := range r.manifest.Members {
		at[m.Name] = i
		if m.Offset < end || m.Size > r.manifestOffset || m.Offset+blockSize+padded(m.Size) > r.manifestOffset {
			return corrupt(manifestName, "it gives %s %d bytes at offset %d, where they cannot be", m.Name, m.Size, m.Offset)
		}
		end = m.Offset + blockSize + padded(m.Size)
	}
	for _, p := range r.manifest.Projects {
		last := -1
		for _, file := range projectFiles {
			i, ok := at[memberName(p.ID, file)]
			if !ok || i <= last {
				return corrupt(manifestName, "it does not list %s in its place", memberName(p.ID, file))
			}
			if file != imagesFile && r.manifest.Members[i].Size > manifest.MaxDocument {
				return corrupt(memberName(p.ID, file), "%d bytes are more than the %d that are read", r.manifest.Members[i].Size, manifest.MaxDocument)
			}
			last = i
		}
	}
	return nil
}

// NotFoundError means that an archive does not hold a project.
type NotFoundError struct{ ID string }

// Error implements error.
func (e *NotFoundError) Error() string { return fmt.Sprintf("the archive holds no project %s", e.ID) }

// members returns the members of a project in the order of [projectFiles].
func (r *Reader) members(id string) (ms [len(projectFiles)]*manifest.Member, err error) {
	entry := r.manifest.Project(id)
	if entry == nil {
		return ms, &NotFoundError{ID: id}
	}
	for i, file := range projectFiles {
		ms[i] = r.manifest.Member(memberName(entry.ID, file))
	}
	return ms, nil
}

// Project returns what the archive holds of a project beside its image
// records. The digests of the members are checked. A project that is not
// there gives a [*NotFoundError].
func (r *Reader) Project(ctx context.Context, id string) (ProjectMembers, error) {
	var p ProjectMembers
	ms, err := r.members(id)
	if err != nil {
		return p, err
	}
	last := ms[len(ms)-2] // the images come after it
	stream := r.src.stream(ctx, ms[0].Offset, last.Offset+memberSpan(last.Size))
	in := &memberReader{stream: stream, pos: ms[0].Offset}
	for i, m := range ms[:len(ms)-1] {
		data, err := in.readMember(m)
		if err != nil {
			return p, err
		}
		if err := p.decode(projectFiles[i], data); err != nil {
			return p, corrupt(m.Name, "%v", err)
		}
	}
	return p, nil
}

// decode takes the content of one of the JSON members.
func (p *ProjectMembers) decode(file string, data []byte) (err error) {
	switch file {
	case "project.json":
		p.Project, err = manifest.DecodeProject(data)
	case "tags.json":
		p.Tags, err = manifest.DecodeTags(data)
	case "iterations.json":
		p.Iterations, err = manifest.DecodeIterations(data)
	case "export.json":
		p.Export, err = manifest.DecodeExport(data)
	}
	return err
}

// memberSpan returns how far a member's header, at most, and content reach
// from its offset.
func memberSpan(size int64) int64 { return maxHeader + padded(size) }

// maxHeader is what a tar header takes with the extended header in front of
// it that a size above 8 GiB needs.
const maxHeader = 3 * blockSize

// memberReader reads listed members one after the other from one stream.
type memberReader struct {
	stream io.Reader
	pos    int64 // decompressed offset of stream
}

// open goes to a member, and returns a reader of its content.
func (in *memberReader) open(m *manifest.Member) (io.Reader, error) {
	if _, err := io.CopyN(io.Discard, in.stream, m.Offset-in.pos); err != nil {
		return nil, inMember(m.Name, err)
	}
	in.pos = m.Offset
	t := tar.NewReader(&countReader{r: in.stream, n: &in.pos})
	h, err := t.Next()
	if err != nil {
		return nil, inMember(m.Name, err)
	}
	if reason := headerProblem(h); reason != "" {
		return nil, corrupt(m.Name, "%s", reason)
	}
	if h.Name != m.Name || h.Size != m.Size {
		return nil, corrupt(m.Name, "%d bytes of %q are in its place", h.Size, h.Name)
	}
	return t, nil
}

// readMember returns the content of a member whose digest is right.
func (in *memberReader) readMember(m *manifest.Member) ([]byte, error) {
	content, err := in.open(m)
	if err != nil {
		return nil, err
	}
	// The size is bounded, but it is only grown into: the manifest may lie.
	var b bytes.Buffer
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(&b, hash), content); err != nil {
		return nil, inMember(m.Name, err)
	}
	if manifest.Digest(hash.Sum(nil)) != m.SHA256 {
		return nil, corrupt(m.Name, "its SHA-256 is not that of the manifest")
	}
	return b.Bytes(), nil
}

// headerProblem says why a tar header is not one that the format has.
func headerProblem(h *tar.Header) string {
	switch {
	case !manifest.ValidMemberName(h.Name):
		return fmt.Sprintf("the tar holds the name %.80q, which is not clean and relative", h.Name)
	case h.Typeflag != tar.TypeReg:
		return "the tar holds it as something else than a file"
	}
	for key := range h.PAXRecords {
		if key != "size" {
			return fmt.Sprintf("its tar header has the extension %.40q", key)
		}
	}
	return ""
}

// inMember turns an error of reading the tar into one of a member. Those of
// the file below pass as they are, with the member's name.
func inMember(name string, err error) error {
	if c, ok := errors.AsType[*CorruptError](err); ok {
		named := *c
		if named.Member == "" {
			named.Member = name
		}
		return &named
	}
	if line, ok := errors.AsType[*lineError](err); ok {
		return corrupt(name, "%v", line)
	}
	if brokenTar(err) {
		return corrupt(name, "the tar is broken there: %v", err)
	}
	return err
}

// brokenTar tells errors of the tar from those of reading it.
func brokenTar(err error) bool {
	for _, e := range []error{tar.ErrHeader, tar.ErrFieldTooLong, tar.ErrInsecurePath, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// lastHeader reads the tar header at the start of a frame and returns the
// size of the member, if it has the name.
func lastHeader(head []byte, name string) (size int64, ok bool) {
	if len(head) < blockSize || !bytes.HasPrefix(head, []byte(name+"\x00")) {
		return 0, false
	}
	h, err := tar.NewReader(bytes.NewReader(head[:blockSize])).Next()
	if err != nil || h.Name != name || h.Typeflag != tar.TypeReg || h.Size < 0 || h.Size > manifest.MaxManifest {
		return 0, false
	}
	return h.Size, true
}

type countReader struct {
	r io.Reader
	n *int64
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

func sameID(a, b string) bool { return strings.EqualFold(a, b) }
