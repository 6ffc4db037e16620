package archive

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"

	"cvarchive/manifest"
)

// Record is one image record.
type Record struct {
	manifest.Image
	// Raw is the line that it was read from, without the newline: all of
	// its fields, those that this version does not know included. It is
	// valid until the next record.
	Raw []byte
}

// Images yields the image records of a project in the order of the archive.
// After the last one the digest of the member has been checked; a sequence
// that ends in an error must not be relied on as a whole. Memory does not
// grow with the number of records.
func (r *Reader) Images(ctx context.Context, id string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		ms, err := r.members(id)
		if err != nil {
			yield(Record{}, err)
			return
		}
		m := ms[len(ms)-1]
		in := &memberReader{stream: r.src.stream(ctx, m.Offset, m.Offset+memberSpan(m.Size)), pos: m.Offset}
		content, err := in.open(m)
		if err != nil {
			yield(Record{}, err)
			return
		}
		hash, n := sha256.New(), 0
		for line, err := range lines(io.TeeReader(content, hash)) {
			rec := Record{Raw: line}
			if n++; err == nil && n > r.maxImages {
				err = corrupt(m.Name, "it has more than the %d records that are read", r.maxImages)
			}
			if err == nil {
				if bad := manifest.DecodeImage(line, &rec.Image); bad != nil {
					err = corrupt(m.Name, "%v", bad)
				}
			}
			if err != nil {
				yield(Record{}, inMember(m.Name, err))
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
		if manifest.Digest(hash.Sum(nil)) != m.SHA256 {
			yield(Record{}, corrupt(m.Name, "its SHA-256 is not that of the manifest"))
		}
	}
}

// lines yields the lines of r without their newlines; each is valid until
// the next. A last line without newline, and one that is longer than
// [manifest.MaxLine], are errors.
func lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		var long []byte
		for {
			part, err := in.ReadSlice('\n')
			switch {
			case errors.Is(err, bufio.ErrBufferFull):
				if long = append(long, part...); len(long) > manifest.MaxLine {
					yield(nil, &lineError{fmt.Sprintf("a line is longer than %d bytes", manifest.MaxLine)})
					return
				}
				continue
			case errors.Is(err, io.EOF):
				if len(part)+len(long) > 0 {
					yield(nil, &lineError{"its last line has no end"})
				}
				return
			case err != nil:
				yield(nil, err)
				return
			}
			line := part
			if len(long) > 0 {
				long = append(long, part...)
				line = long
			}
			if !yield(line[:len(line)-1], nil) {
				return
			}
			long = long[:0]
		}
	}
}

// lineError means that lines are not as they must be.
type lineError struct{ reason string }

// Error implements error.
func (e *lineError) Error() string { return e.reason }
