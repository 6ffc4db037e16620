// Package digest computes the SHA-256 of many small things at once.
//
// One is computed step by step, each of which waits for the one before, even where
// the processor has instructions for it. Sixteen beside each other, in the
// lanes of AVX-512, take half the time.
package digest

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"cvarchive/manifest"
)

const (
	lanes     = 16
	blockSize = sha256.BlockSize

	// worth is how many lanes have to be in use to be faster than one by one.
	worth = 8
)

// SHA256 puts the digest of each text into the place of sums that it has in
// texts. Texts are best of a few kB to some hundred, and some dozens.
func SHA256(sums []manifest.Digest, texts [][]byte) {
	order := make([]int, len(texts)) // the largest first, so that lanes end together
	total := 0
	for i, text := range texts {
		order[i] = i
		total += blocks(text)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(len(texts[b]), len(texts[a])) })
	for len(order) > 0 && (!hasLanes() || len(order) < worth || blocks(texts[order[0]]) > total/worth) {
		i := order[0]
		sums[i] = sha256.Sum256(texts[i])
		total -= blocks(texts[i])
		order = order[1:]
	}
	if len(order) > 0 {
		w := weaver{sums: sums, texts: texts, order: order}
		w.run()
	}
}

// blocks is how many blocks a text has with its padding.
func blocks(text []byte) int { return (len(text) + 1 + 8 + blockSize - 1) / blockSize }

// weaver has texts in lanes, beside each other.
type weaver struct {
	sums  []manifest.Digest
	texts [][]byte
	order []int // of those that no lane has begun

	state    [8][lanes]uint32
	lanes    [lanes]lane
	messages [lanes]*byte
}

// lane is what is done in one.
type lane struct {
	busy bool
	text int
	next []byte              // whole blocks that come next
	end  int                 // bytes of tail that come then
	tail [2 * blockSize]byte // the end of the text, with its padding
}

func (w *weaver) run() {
	for {
		steps := w.prepare()
		if steps == 0 {
			return
		}
		blocksAVX512(&w.state, &w.messages, steps)
		for i := range w.lanes {
			if l := &w.lanes[i]; l.busy {
				l.next = l.next[steps*blockSize:]
			}
		}
	}
}

// prepare fills all lanes, and returns for how many blocks they have something.
func (w *weaver) prepare() (steps int) {
	var any *byte
	for i := range w.lanes {
		l := &w.lanes[i]
		for l.busy && len(l.next) == 0 || !l.busy && len(w.order) > 0 {
			w.advance(i)
		}
		if !l.busy {
			continue
		}
		any = &l.next[0]
		w.messages[i] = any
		if n := len(l.next) / blockSize; steps == 0 || n < steps {
			steps = n
		}
	}
	for i := range w.lanes { // lanes without a text go along with another one
		if !w.lanes[i].busy {
			w.messages[i] = any
		}
	}
	return steps
}

// advance brings a lane that has nothing to do to the tail of its text, or to the
// next text.
func (w *weaver) advance(i int) {
	l := &w.lanes[i]
	switch {
	case !l.busy:
		l.begin(w.order[0], w.texts[w.order[0]])
		w.order = w.order[1:]
		for j, word := range initial() {
			w.state[j][i] = word
		}
	case l.end > 0:
		l.next, l.end = l.tail[:l.end], 0
	default:
		for j := range w.state {
			binary.BigEndian.PutUint32(w.sums[l.text][4*j:], w.state[j][i])
		}
		l.busy = false
	}
}

// begin puts a text into the lane.
func (l *lane) begin(i int, text []byte) {
	whole := len(text) / blockSize * blockSize
	l.busy, l.text, l.next = true, i, text[:whole]
	l.tail = [2 * blockSize]byte{}
	n := copy(l.tail[:], text[whole:])
	l.tail[n] = 0x80
	l.end = blocks(text)*blockSize - whole
	binary.BigEndian.PutUint64(l.tail[l.end-8:], uint64(len(text))*8)
}

// initial is the state before the first block.
func initial() [8]uint32 {
	return [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}
}
