package archive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"cvarchive/manifest"
)

// Spool collects the image records of one project in a temporary file until
// [Writer.AddProject] moves them into the archive. Several may be open at
// once, each used by one goroutine at a time. The file has no name where the
// system allows that, so nothing remains after a crash; Close must still be
// called on a spool that is not added.
type Spool struct {
	file   *os.File
	path   string // to remove on close; empty: removed already
	blocks []spoolBlock
	tally  manifest.Tally
	size   int64 // bytes of images.jsonl
	err    error // the first; the spool is useless from then on

	// What is not in the file yet: lines of images.jsonl, and those of the
	// object list.
	records, objects []byte
	mentions         int64 // objects of the list
	bytes            int64 // sum of their sizes
}

// spoolBlock is a piece of the file: lines of images.jsonl, then those of the
// object list. Each kind is together, so that it is hashed and copied at once.
type spoolBlock struct {
	records, objects int   // bytes
	mentions, bytes  int64 // as in Spool
}

// spoolSize is the number of bytes of records that make a block.
const spoolSize = 128 << 10

func newSpool(dir string) (*Spool, error) {
	f, err := os.CreateTemp(dir, "cvarchive-*.jsonl")
	if err != nil {
		return nil, fmt.Errorf("create a temporary file for image records: %w", err)
	}
	s := &Spool{file: f}
	if os.Remove(f.Name()) != nil {
		s.path = f.Name() // Windows does not remove an open file
	}
	return s, nil
}

// Append adds one record as a line of images.jsonl. A record that is not
// valid is refused with a [*manifest.FieldError], one whose id was there
// before with another error; the spool stays as it was. An error of writing
// to the temporary file ends the spool.
func (s *Spool) Append(img *manifest.Image) error {
	if s.err != nil {
		return s.err
	}
	records, err := manifest.AppendImage(s.records, img)
	if err != nil {
		return err
	}
	if err := s.tally.Image(img); err != nil {
		return err
	}
	records = append(records, '\n')
	s.size += int64(len(records) - len(s.records))
	s.records = records
	if o := img.Object; o != nil {
		s.objects = o.AppendLine(s.objects)
		s.mentions++
		s.bytes += o.Size
	}
	if len(s.records) < spoolSize {
		return nil
	}
	return s.flush()
}

// flush writes a block.
func (s *Spool) flush() error {
	b := spoolBlock{len(s.records), len(s.objects), s.mentions, s.bytes}
	block := append(s.records, s.objects...)
	if _, err := s.file.Write(block); err != nil {
		s.err = fmt.Errorf("write image records to a temporary file: %w", err)
		return s.err
	}
	s.blocks = append(s.blocks, b)
	s.records, s.objects, s.mentions, s.bytes = block[:0], s.objects[:0], 0, 0
	return nil
}

// Len returns the number of records.
func (s *Spool) Len() int { return s.tally.Counts().Images }

var errSpoolClosed = errors.New("the spool is closed")

// Close drops the records. It does nothing on a spool that was added or
// closed.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if s.path != "" {
		err = errors.Join(err, os.Remove(s.path))
	}
	s.file, s.records, s.objects = nil, nil, nil
	s.err = errSpoolClosed
	return err
}

// copyTo writes images.jsonl to w and the objects to the list.
func (s *Spool) copyTo(w io.Writer, objects *manifest.ObjectDigest) error {
	if s.err != nil {
		return s.err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read image records from a temporary file: %w", err)
	}
	var buf []byte
	for _, b := range s.blocks {
		buf = slices.Grow(buf[:0], b.records+b.objects)[:b.records+b.objects]
		if _, err := io.ReadFull(s.file, buf); err != nil {
			return fmt.Errorf("read image records from a temporary file: %w", noEOF(err))
		}
		objects.AddLines(buf[b.records:], b.mentions, b.bytes)
		if _, err := w.Write(buf[:b.records]); err != nil {
			return err
		}
	}
	objects.AddLines(s.objects, s.mentions, s.bytes)
	_, err := w.Write(s.records)
	return err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
