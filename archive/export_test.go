package archive

import "bytes"

// Pack makes a file of the given frames, with the check frame and the seek
// table that belong to them.
func Pack(frames ...[]byte) []byte {
	var out bytes.Buffer
	f, err := newFrameWriter(&out, maxFrame)
	if err != nil {
		panic(err)
	}
	for _, p := range frames {
		if _, err := f.Write(p); err != nil {
			panic(err)
		}
		if err := f.cut(); err != nil {
			panic(err)
		}
	}
	if err := f.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// Frame describes one frame of a file, for tests.
type Frame struct {
	Offset int64
	Packed int
	Start  int64
	Size   int
}

// Frames lists the frames of an open archive, the check frame last.
func Frames(r *Reader) []Frame {
	var out []Frame
	for _, f := range append(r.src.frames[:len(r.src.frames):len(r.src.frames)], r.src.check) {
		out = append(out, Frame{Offset: f.offset, Packed: f.packed, Start: f.start, Size: f.size})
	}
	return out
}

// TableFrames is what a seek table says of a file, the check frame last.
func TableFrames(table []byte, fileSize int64) (out []Frame, err error) {
	frames, err := parseTable(table, fileSize)
	for _, f := range frames {
		out = append(out, Frame{Offset: f.offset, Packed: f.packed, Start: f.start, Size: f.size})
	}
	return out, err
}

// LimitImages makes a reader refuse a project of more than n records, for
// tests that cannot wait for two million.
func LimitImages(r *Reader, n int) { r.maxImages = n }
