package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"cvarchive/manifest"
)

// ContainerWriter writes a tar in frames of Zstandard with check frame and
// seek table, as an archive is one, with other members: a bundle.
type ContainerWriter struct{ w Writer }

// NewContainerWriter starts a container on w, which the caller closes. All
// members get one date.
func NewContainerWriter(w io.Writer, date time.Time) (*ContainerWriter, error) {
	if epoch := time.Unix(0, 0); date.Before(epoch) {
		date = epoch
	}
	f, err := newFrameWriter(w, defaultFrame)
	if err != nil {
		return nil, err
	}
	f.enc = storer{f.enc}
	return &ContainerWriter{Writer{opt: WriterOptions{ModTime: date}, frames: f, tar: tar.NewWriter(f)}}, nil
}

// Add writes one member of a size that content must keep. Apart says that it
// starts a frame, to be read alone.
func (c *ContainerWriter) Add(name string, size int64, apart bool, content func(io.Writer) error) (manifest.Member, error) {
	if apart {
		if err := c.w.frames.cut(); err != nil {
			return manifest.Member{}, err
		}
	}
	c.w.members = c.w.members[:0]
	if err := c.w.add(name, size, content); err != nil {
		return manifest.Member{}, err
	}
	return c.w.members[0], nil
}

// Close writes what ends the file, and returns its digest and size.
func (c *ContainerWriter) Close() (manifest.Digest, int64, error) {
	if err := c.w.tar.Close(); err != nil {
		return manifest.Digest{}, 0, err
	}
	if err := c.w.frames.Close(); err != nil {
		return manifest.Digest{}, 0, err
	}
	return c.w.frames.out.sum(), c.w.frames.out.size, nil
}

// Container reads what a [ContainerWriter] wrote. It is safe for concurrent
// use.
type Container struct {
	src  *source
	last int64 // decompressed offset of the last member
}

// OpenContainer opens a container whose last member has the given name, and
// returns that member's content. A file whose last member is another is
// [ErrNotArchive].
func OpenContainer(ctx context.Context, ra io.ReaderAt, size int64, last string) (*Container, []byte, error) {
	src, err := openSource(ra, size)
	if err != nil {
		return nil, nil, err
	}
	content, offset, err := src.findLast(ctx, last)
	if err != nil {
		return nil, nil, err
	}
	if content == nil {
		return nil, nil, ErrNotArchive
	}
	src.cache = &frameCache{}
	return &Container{src: src, last: offset}, content, nil
}

// Placed is a member of a container where its header was found.
type Placed struct {
	Name string
	Size int64

	start int64 // decompressed offset of its content
}

// Next returns the decompressed offset at which the member behind it starts.
func (p Placed) Next() int64 { return p.start + padded(p.Size) }

// At reads the header that starts at a decompressed offset.
func (c *Container) At(ctx context.Context, offset int64) (Placed, error) {
	if offset < 0 || offset >= c.last {
		return Placed{}, corrupt("", "no member can be at offset %d", offset)
	}
	pos := offset
	h, err := tar.NewReader(&countReader{r: c.src.stream(ctx, offset, offset+maxHeader), n: &pos}).Next()
	if err != nil {
		return Placed{}, inMember("", err)
	}
	if reason := headerProblem(h); reason != "" {
		return Placed{}, corrupt("", "%s", reason)
	}
	if h.Size < 0 || h.Size > c.last-pos {
		return Placed{}, corrupt("", "%d bytes of %q cannot be at offset %d", h.Size, h.Name, offset)
	}
	return Placed{Name: h.Name, Size: h.Size, start: pos}, nil
}

// Content reads a member. Its digest is the caller's to check.
func (c *Container) Content(ctx context.Context, p Placed) io.Reader {
	return &memberContent{r: c.src.stream(ctx, p.start, p.start+p.Size), name: p.Name}
}

// find goes to a member that an index of the container describes.
func (c *Container) find(ctx context.Context, m manifest.Member) (Placed, error) {
	if m.Offset < 0 || m.Size < 0 || m.Size > c.last || m.Offset > c.last-m.Size {
		return Placed{}, corrupt(m.Name, "%d bytes at offset %d cannot be where they are said to be", m.Size, m.Offset)
	}
	p, err := c.At(ctx, m.Offset)
	if err == nil && (p.Name != m.Name || p.Size != m.Size) {
		err = corrupt(m.Name, "%d bytes of %q are in its place", p.Size, p.Name)
	}
	if err != nil {
		return Placed{}, inMember(m.Name, err)
	}
	return p, nil
}

// Open reads a member that an index of the container describes. Its digest is
// the caller's to check.
func (c *Container) Open(ctx context.Context, m manifest.Member) (io.Reader, error) {
	p, err := c.find(ctx, m)
	if err != nil {
		return nil, err
	}
	return c.Content(ctx, p), nil
}

// memberContent names the member in errors.
type memberContent struct {
	r    io.Reader
	name string
}

func (m *memberContent) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = inMember(m.name, err)
	}
	return n, err
}

// Section reads a member at any place. The context governs every read.
func (c *Container) Section(ctx context.Context, m manifest.Member) (io.ReaderAt, error) {
	p, err := c.find(ctx, m)
	if err != nil {
		return nil, err
	}
	return &section{ctx: ctx, src: c.src, start: p.start, size: p.Size, frame: -1}, nil
}

// section is a member as an [io.ReaderAt]. It keeps the frame read last.
type section struct {
	ctx         context.Context
	src         *source
	start, size int64

	mu    sync.Mutex
	frame int
	plain []byte
}

// ReadAt implements [io.ReaderAt].
func (s *section) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at the negative offset %d", off)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n < len(p) {
		at := off + int64(n)
		if at >= s.size {
			return n, io.EOF
		}
		if err := s.load(s.src.frameAt(s.start + at)); err != nil {
			return n, err
		}
		from := s.start + at - s.src.frames[s.frame].start
		n += copy(p[n:int64(n)+min(int64(len(p)-n), s.size-at)], s.plain[from:])
	}
	return n, nil
}

func (s *section) load(frame int) error {
	if frame == s.frame {
		return nil
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if frame >= len(s.src.frames) {
		return corrupt("", "it ends early")
	}
	f := &s.src.frames[frame]
	packed, err := s.src.read(f.offset, f.packed, nil)
	if err != nil {
		return err
	}
	s.frame = -1
	if s.plain, err = s.src.decode(frame, packed, s.plain); err != nil {
		return err
	}
	s.frame = frame
	return nil
}
