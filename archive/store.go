package archive

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress"
)

// storer makes frames as an encoder does, and stores what cannot be compressed:
// most of a bundle is pictures, and trying to compress them took half of its
// time.
type storer struct{ enc encoder }

// EncodeAll implements [encoder].
func (s storer) EncodeAll(src, dst []byte) []byte {
	if compressible(src) {
		return s.enc.EncodeAll(src, dst)
	}
	return appendStored(dst, src)
}

// compressible looks at a sample, a few kB in pieces from all over.
func compressible(p []byte) bool {
	const pieces, piece = 16, 512
	if len(p) < 2*pieces*piece {
		return true // and small
	}
	sample := make([]byte, 0, pieces*piece)
	for i := range pieces {
		at := i * (len(p) - piece) / (pieces - 1)
		sample = append(sample, p[at:at+piece]...)
	}
	const likely = 0.1 // as the library says
	return compress.Estimate(sample) > likely
}

// Parts of a frame, as RFC 8878 has them.
const (
	frameMagic = 0xFD2FB528
	// frameFlags say that the size follows in four bytes, that the whole is
	// the window, and that a checksum ends it.
	frameFlags = 2<<6 | 1<<5 | 1<<2
	maxBlock   = 128 << 10
	blockRaw   = 0
	blockRun   = 1
)

// appendStored appends a frame that holds bytes as they are, but for runs of
// zeros: those that fill the headers of a tar are most of what its members add.
func appendStored(b, src []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, frameMagic)
	b = append(b, frameFlags)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(src)))
	last := len(b)
	for rest := src; len(rest) > 0; {
		last = len(b)
		begin, end := zeros(rest[:min(len(rest), maxBlock)])
		if begin > 0 {
			b = appendBlockHeader(b, blockRaw, begin)
			b = append(b, rest[:begin]...)
		}
		if begin < end {
			last = len(b)
			b = append(appendBlockHeader(b, blockRun, end-begin), 0)
		}
		rest = rest[end:]
	}
	b[last] |= 1 // the last block
	return binary.LittleEndian.AppendUint32(b, uint32(xxhash.Sum64(src)))
}

func appendBlockHeader(b []byte, kind, size int) []byte {
	h := kind<<1 | size<<3
	return append(b, byte(h), byte(h>>8), byte(h>>16))
}

// zeros finds the first long run of zeros; it begins and ends at the end where
// there is none.
func zeros(p []byte) (begin, end int) {
	const long, word = 32, 8
	for at := 0; at+word <= len(p); at += long - word {
		if binary.LittleEndian.Uint64(p[at:]) != 0 {
			continue
		}
		for begin = at; begin > 0 && p[begin-1] == 0; {
			begin--
		}
		for end = at + word; end < len(p) && p[end] == 0; {
			end++
		}
		if end-begin >= long {
			return begin, end
		}
	}
	return len(p), len(p)
}
