package customvision

import (
	"bytes"
	"encoding/base64"
	"io"
)

// payload is the body of a request, in parts that follow each other. Every
// try reads it through a reader of its own, since net/http may still be
// reading for the try before.
type payload []part

// part is text as it is, then bytes in base64, which are encoded when they
// are read: a body of 28 MiB of images takes no more memory than these.
type part struct{ text, contents []byte }

// size returns the length of the body in bytes.
func (p payload) size() int64 {
	n := 0
	for _, part := range p {
		n += len(part.text) + base64.StdEncoding.EncodedLen(len(part.contents))
	}
	return int64(n)
}

func (p payload) reader() io.Reader {
	readers := make([]io.Reader, 0, 2*len(p))
	for _, part := range p {
		readers = append(readers, bytes.NewReader(part.text), &base64Reader{rest: part.contents})
	}
	return io.MultiReader(readers...)
}

// base64Reader encodes what it reads from.
type base64Reader struct {
	rest   []byte
	buffer [4]byte
	ready  []byte // of buffer
}

// Read implements [io.Reader].
func (r *base64Reader) Read(p []byte) (int, error) {
	if len(r.ready) == 0 && len(r.rest) == 0 {
		return 0, io.EOF
	}
	if len(r.ready) == 0 && len(p) >= len(r.buffer) {
		n := min(len(p)/4*3, len(r.rest))
		base64.StdEncoding.Encode(p, r.rest[:n])
		r.rest = r.rest[n:]
		return base64.StdEncoding.EncodedLen(n), nil
	}
	if len(r.ready) == 0 {
		n := min(3, len(r.rest))
		base64.StdEncoding.Encode(r.buffer[:], r.rest[:n])
		r.rest, r.ready = r.rest[n:], r.buffer[:]
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}
