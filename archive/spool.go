package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"cvarchive/manifest"
)

// Spool collects the image records of one project in a temporary file until
// [Writer.AddProject] moves them into the archive. Several may be open at
// once, each used by one goroutine at a time. The file has no name where the
// system allows that, so nothing remains after a crash; Close must still be
// called on a spool that is not added.
type Spool struct {
	file  *os.File
	path  string // to remove on close; empty: removed already
	buf   *bufio.Writer
	line  []byte
	tally manifest.Tally
	size  int64 // bytes of images.jsonl
	err   error // the first; the spool is useless from then on
}

// In the file, each record is two lines: the object's line for the object
// list, empty where there is none, and the record itself.

func newSpool(dir string) (*Spool, error) {
	f, err := os.CreateTemp(dir, "cvarchive-*.jsonl")
	if err != nil {
		return nil, fmt.Errorf("create a temporary file for image records: %w", err)
	}
	s := &Spool{file: f, buf: bufio.NewWriterSize(f, 64<<10)}
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
	line := s.line[:0]
	if img.Object != nil {
		line = img.Object.AppendLine(line)
	} else {
		line = append(line, '\n')
	}
	record := len(line)
	line, err := manifest.AppendImage(line, img)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	s.line = line
	size := len(line) - record
	if err := s.tally.Image(img); err != nil {
		return err
	}
	if _, err := s.buf.Write(line); err != nil {
		s.err = fmt.Errorf("write image records to a temporary file: %w", err)
		return s.err
	}
	s.size += int64(size)
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
	s.file = nil
	s.err = errSpoolClosed
	return err
}

// copyTo writes images.jsonl to w and the objects to the list.
func (s *Spool) copyTo(w io.Writer, objects *manifest.ObjectDigest) error {
	if s.err != nil {
		return s.err
	}
	if err := s.buf.Flush(); err != nil {
		return fmt.Errorf("write image records to a temporary file: %w", err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read image records from a temporary file: %w", err)
	}
	in := bufio.NewReaderSize(s.file, 64<<10)
	for range s.Len() {
		object, err := in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read image records from a temporary file: %w", noEOF(err))
		}
		if len(object) > 1 {
			if err := objects.AddLine(object); err != nil {
				return fmt.Errorf("read image records from a temporary file: %w", err)
			}
		}
		for more := true; more; {
			part, err := in.ReadSlice('\n')
			if more = errors.Is(err, bufio.ErrBufferFull); err != nil && !more {
				return fmt.Errorf("read image records from a temporary file: %w", noEOF(err))
			}
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
	}
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
