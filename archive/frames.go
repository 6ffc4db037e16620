package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math/bits"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"cvarchive/manifest"
)

// encoder makes a frame of src, with its size and its checksum, and appends it.
type encoder interface {
	EncodeAll(src, dst []byte) []byte
}

// frameWriter cuts a stream into Zstandard frames of a fixed size, and where
// it is told to; Close adds the check frame and the seek table. It counts
// what goes in and hashes what comes out.
type frameWriter struct {
	enc    encoder
	out    *hashWriter
	buf    []byte // its capacity is the frame size
	packed []byte // the frame that was compressed last, for its memory
	offset int64  // decompressed bytes so far
	table  []byte // the entries of the seek table
}

func newFrameWriter(w io.Writer, frameSize int) (*frameWriter, error) {
	enc, err := newEncoder(frameSize)
	if err != nil {
		return nil, err
	}
	return &frameWriter{
		enc: enc,
		out: &hashWriter{w: w, hash: sha256.New()},
		buf: make([]byte, 0, frameSize),
	}, nil
}

// newEncoder returns what makes frames of up to so many bytes. Several
// goroutines may use it; the same input gives the same frames.
func newEncoder(frameSize int) (*zstd.Encoder, error) {
	// Records are mostly what nothing compresses, so that better levels take
	// far longer for little less. The window, which takes twice its size in
	// memory, need not be larger than what is in it.
	const most = 4 << 20
	return zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(min(4, runtime.GOMAXPROCS(0))),
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(min(most, 1<<bits.Len(uint(frameSize-1)))), // last: the level has one too
		zstd.WithEncoderCRC(true))
}

// Write implements [io.Writer].
func (f *frameWriter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n := min(len(p), cap(f.buf)-len(f.buf))
		f.buf = append(f.buf, p[:n]...)
		p = p[n:]
		if len(f.buf) == cap(f.buf) {
			if err := f.cut(); err != nil {
				return 0, err
			}
		}
	}
	f.offset += int64(total)
	return total, nil
}

// cut ends the frame, so that what follows starts one.
func (f *frameWriter) cut() error {
	if len(f.buf) == 0 {
		return nil
	}
	size := len(f.buf)
	f.packed = f.enc.EncodeAll(f.buf, f.packed[:0])
	f.buf = f.buf[:0]
	return f.append(f.packed, size)
}

// take appends a frame that was made of so many bytes elsewhere, with an
// encoder like its own.
func (f *frameWriter) take(packed []byte, size int) error {
	if err := f.cut(); err != nil {
		return err
	}
	f.offset += int64(size)
	return f.append(packed, size)
}

// append writes a frame and its entry of the seek table.
func (f *frameWriter) append(packed []byte, size int) error {
	const most = (maxTable-tableHeader-tableFooter)/tableEntry - 1 // one is the check frame
	if len(f.table) >= most*tableEntry {
		return fmt.Errorf("an archive of more than %d frames could not be read back; use larger frames", int64(most))
	}
	// A frame ends with the checksum that the table has too.
	checksum := binary.LittleEndian.Uint32(packed[len(packed)-4:])
	f.table = appendTableEntry(f.table, len(packed), size, checksum)
	_, err := f.out.Write(packed)
	return err
}

// Close ends the last frame and the file; the underlying writer stays open.
func (f *frameWriter) Close() error {
	if err := f.cut(); err != nil {
		return err
	}
	check := checkFrame(f.out.sum())
	if _, err := f.out.Write(check); err != nil {
		return err
	}
	_, err := f.out.Write(seekTable(appendTableEntry(f.table, len(check), 0, emptyChecksum)))
	return err
}

// The check frame is a skippable frame of Zstandard: decoders pass over it.
const (
	checkMagic     = 0x184D2A5C
	checkLabel     = "cvarchive-sha256"
	checkFrameSize = 8 + len(checkLabel) + sha256.Size
)

// checkFrame returns the frame that proves the bytes before it.
func checkFrame(sum manifest.Digest) []byte {
	b := binary.LittleEndian.AppendUint32(nil, checkMagic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(checkLabel)+len(sum)))
	b = append(b, checkLabel...)
	return append(b, sum[:]...)
}

// parseCheckFrame returns the digest in a check frame.
func parseCheckFrame(b []byte) (sum manifest.Digest, err error) {
	if len(b) != checkFrameSize {
		return sum, fmt.Errorf("the check frame has %d bytes, not %d", len(b), checkFrameSize)
	}
	copy(sum[:], b[len(b)-len(sum):])
	if !bytes.Equal(b, checkFrame(sum)) {
		return sum, fmt.Errorf("the check frame is not one")
	}
	return sum, nil
}

// hashWriter hashes and counts what it writes.
type hashWriter struct {
	w    io.Writer
	hash hash.Hash
	size int64
}

func (h *hashWriter) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	h.hash.Write(p[:n])
	h.size += int64(n)
	return n, err
}

func (h *hashWriter) sum() (d manifest.Digest) {
	h.hash.Sum(d[:0])
	return d
}
