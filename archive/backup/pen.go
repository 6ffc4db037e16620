package backup

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"cvarchive/manifest"
)

// pen holds image records in a temporary file until they can be finished.
type pen struct {
	file  *os.File
	out   *bufio.Writer
	buf   []byte
	count int
}

func newPen(dir string) (*pen, error) {
	f, err := os.CreateTemp(dir, "cvarchive-images-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file for image records: %w", err)
	}
	return &pen{file: f, out: bufio.NewWriter(f)}, nil
}

// put adds a record. One that is not valid is replaced by its id and the
// reason.
func (p *pen) put(img *manifest.Image) error {
	var err error
	if p.buf, err = manifest.AppendImage(p.buf[:0], img); err != nil {
		if p.buf, err = manifest.AppendImage(p.buf[:0], unusable(img, err)); err != nil {
			return err
		}
	}
	var size [binary.MaxVarintLen64]byte
	if _, err = p.out.Write(binary.AppendUvarint(size[:0], uint64(len(p.buf)))); err == nil {
		_, err = p.out.Write(p.buf)
	}
	if err != nil {
		return fmt.Errorf("write image records to a temporary file: %w", err)
	}
	p.count++
	return nil
}

// each calls f with every record, in the order of put.
func (p *pen) each(f func(*manifest.Image) error) error {
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("write image records to a temporary file: %w", err)
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read image records from a temporary file: %w", err)
	}
	in := bufio.NewReader(p.file)
	for range p.count {
		size, err := binary.ReadUvarint(in)
		if err == nil {
			p.buf = append(p.buf[:0], make([]byte, size)...)
			_, err = io.ReadFull(in, p.buf)
		}
		if err != nil {
			return fmt.Errorf("read image records from a temporary file: %w", err)
		}
		var img manifest.Image
		if err := manifest.DecodeImage(p.buf, &img); err != nil {
			return err
		}
		if err := f(&img); err != nil {
			return err
		}
	}
	return nil
}

// Close drops the records.
func (p *pen) Close() {
	p.file.Close()
	os.Remove(p.file.Name())
}
