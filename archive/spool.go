package archive

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"cvarchive/archive/scratch"
	"cvarchive/manifest"
)

// Spool collects the image records of one project in a temporary file until
// [Writer.AddProject] moves them into the archive. Several may be open at
// once, each used by one goroutine at a time. The file has no name where the
// system allows that, so nothing remains after a crash; Close must still be
// called on a spool that is not added.
//
// What the file holds are frames of the archive, but for the first of them: it
// begins with the member's header, which says how many bytes the member has.
// So it is compressed by whoever captures the project, and small.
type Spool struct {
	enc    encoder
	frame  int // bytes of a frame
	file   *scratch.File
	blocks []spoolBlock
	tally  manifest.Tally
	size   int64     // bytes of images.jsonl
	hash   hash.Hash // of images.jsonl, as far as it is in the file
	err    error     // the first; the spool is useless from then on

	// What is not in the file yet: lines of images.jsonl, and those of the
	// object list.
	records, objects []byte
	room             int    // bytes of records that the frame holds
	mentions, bytes  int64  // objects of the list, and the sum of their sizes
	packed           []byte // the frame that was made last, for its memory
}

// spoolBlock is a piece of the file: a part of images.jsonl, then lines of the
// object list. Each kind is together, so that it is hashed and copied at once.
type spoolBlock struct {
	records         int   // bytes of images.jsonl
	packed          int   // bytes of the frame that they are; 0: they are as they were
	objects         int   // bytes
	mentions, bytes int64 // as in Spool
}

func newSpool(dir string, enc encoder, frame int) (*Spool, error) {
	f, err := scratch.Create(dir, "cvarchive-*.frames")
	if err != nil {
		return nil, fmt.Errorf("create a temporary file for image records: %w", err)
	}
	return &Spool{enc: enc, frame: frame, room: frame - blockSize, file: f, hash: sha256.New()}, nil
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
	if len(s.records) < s.room {
		return nil
	}
	return s.flush()
}

// flush writes the frames that are full.
func (s *Spool) flush() error {
	rest := s.records
	for len(rest) >= s.room {
		if err := s.write(rest[:s.room]); err != nil {
			s.err = fmt.Errorf("write image records to a temporary file: %w", err)
			return s.err
		}
		rest, s.room = rest[s.room:], s.frame
	}
	s.records = append(s.records[:0], rest...)
	return nil
}

// write writes one block, with the objects of the list so far.
func (s *Spool) write(records []byte) error {
	b := spoolBlock{records: len(records), objects: len(s.objects), mentions: s.mentions, bytes: s.bytes}
	s.hash.Write(records)
	if len(s.blocks) > 0 {
		s.packed = s.enc.EncodeAll(records, s.packed[:0])
		records, b.packed = s.packed, len(s.packed)
	}
	for _, part := range [][]byte{records, s.objects} {
		if _, err := s.file.Write(part); err != nil {
			return err
		}
	}
	s.blocks = append(s.blocks, b)
	s.objects, s.mentions, s.bytes = s.objects[:0], 0, 0
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
	s.file, s.records, s.objects, s.packed = nil, nil, nil, nil
	s.err = errSpoolClosed
	return err
}

// moveTo writes images.jsonl after its header, and the objects to the list. It
// returns the digest of images.jsonl.
func (s *Spool) moveTo(frames *frameWriter, objects *manifest.ObjectDigest) (sum manifest.Digest, err error) {
	if s.err != nil {
		return sum, s.err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return sum, fmt.Errorf("read image records from a temporary file: %w", err)
	}
	var buf []byte
	for _, b := range s.blocks {
		n := cmp.Or(b.packed, b.records)
		buf = slices.Grow(buf[:0], n+b.objects)[:n+b.objects]
		if _, err := io.ReadFull(s.file, buf); err != nil {
			return sum, fmt.Errorf("read image records from a temporary file: %w", noEOF(err))
		}
		objects.AddLines(buf[n:], b.mentions, b.bytes)
		if b.packed > 0 {
			err = frames.take(buf[:n], b.records)
		} else {
			_, err = frames.Write(buf[:n])
		}
		if err != nil {
			return sum, err
		}
	}
	objects.AddLines(s.objects, s.mentions, s.bytes)
	s.hash.Write(s.records)
	s.hash.Sum(sum[:0])
	_, err = frames.Write(s.records)
	return sum, err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
