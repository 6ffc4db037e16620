package archive_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"cvarchive/archive"
)

// virtual is a file of which only the end is not zeros.
type virtual struct {
	size int64
	tail []byte
}

func (v *virtual) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	from := v.size - int64(len(v.tail))
	if off < from {
		copy(p[min(int64(len(p)), from-off):], v.tail)
		return len(p), nil
	}
	n := copy(p, v.tail[off-from:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// seekTable makes a seek table of entries, the check frame's included.
func seekTable(entries []byte) []byte {
	le := binary.LittleEndian
	table := le.AppendUint32(nil, 0x184D2A5E)
	table = le.AppendUint32(table, uint32(len(entries)+9))
	table = append(table, entries...)
	table = le.AppendUint32(table, uint32(len(entries)/12))
	return append(table, 0x80, 0xb1, 0xea, 0x92, 0x8f)
}

// checkEntry is the entry of the check frame.
var checkEntry = []byte{56, 0, 0, 0, 0, 0, 0, 0, 0x99, 0xe9, 0xd8, 0x51}

// A seek table of a million frames costs no more than a few times its size;
// a larger one is refused before it is read.
func TestMillionsOfFrames(t *testing.T) {
	one := []byte{1, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0}
	for _, test := range []struct {
		frames int
		want   string
		most   uint64 // bytes allocated in all
	}{
		{1 << 20, "does not decompress", 160 << 20},
		{5 << 20, "its index says that it has", 1 << 20},
	} {
		table := seekTable(append(bytes.Repeat(one, test.frames), checkEntry...))
		size := int64(test.frames + 56 + len(table))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := archive.NewReader(&virtual{size, table}, size)
		runtime.ReadMemStats(&after)
		if _, ok := errors.AsType[*archive.CorruptError](err); !ok || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%d frames: %v", test.frames, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > test.most {
			t.Errorf("%d frames took %d MiB in all", test.frames, took>>20)
		}
	}
}

// Sparse files claim any size with a few bytes. They are reported, and passed
// over without their holes being read.
func TestSparseMembers(t *testing.T) {
	const huge = 1 << 62
	old := make([]byte, 512) // the GNU form of before PAX
	copy(old, "old-sparse")
	copy(old[100:], "0000644\x000000000\x000000000\x0000000000000\x0000000000000\x00")
	old[156] = 'S'
	copy(old[257:], "ustar  \x00")
	big := binary.BigEndian.AppendUint64([]byte{0x80, 0, 0, 0}, huge) // a number in base 256
	copy(old[386:], "00000000000\x0000000000000\x00")                 // one extent, of nothing
	copy(old[483:], big)
	copy(old[148:], fmt.Sprintf("%06o\x00 ", checksum(old)))

	records := ""
	for _, kv := range []string{"GNU.sparse.major=0", "GNU.sparse.minor=1", "GNU.sparse.name=pax-sparse",
		fmt.Sprintf("GNU.sparse.size=%d", int64(huge)), "GNU.sparse.numblocks=1", "GNU.sparse.map=0,0"} {
		n := len(kv) + 3
		n += len(fmt.Sprint(n)) - 1
		records += fmt.Sprintf("%d %s\n", n, kv)
	}
	pax := tarOf(t, []entry{{tar.Header{Name: "PaxHeaders.0/x", Typeflag: tar.TypeReg}, []byte(records)}}, false)
	pax[156] = tar.TypeXHeader
	copy(pax[148:], fmt.Sprintf("%06o\x00 ", checksum(pax[:512])))
	pax = append(pax, tarOf(t, []entry{{tar.Header{Name: "x"}, nil}}, false)...)

	file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 3)
	members, m := unpack(t, file)
	list(members, m)
	for name, test := range map[string]struct {
		header []byte
		want   string
	}{
		"GNU": {old, "something else than a file"},
		"PAX": {pax, "extension"},
	} {
		bad := archive.Pack(append(tarOf(t, members, false), test.header...),
			tarOf(t, []entry{{tar.Header{Name: "manifest.json"}, toJSON(t, m)}}, true))
		_, problems := verify(t, open(t, bad))
		if len(problems) != 1 || !strings.Contains(problems[0].Reason, test.want) {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

// checksum is that of a tar header.
func checksum(header []byte) int {
	sum := 8 * int(' ')
	for i, b := range header {
		if i < 148 || i >= 156 {
			sum += int(b)
		}
	}
	return sum
}

// Members that nobody listed are reported one by one, and not remembered.
func TestMillionsOfMembers(t *testing.T) {
	count := 300_000
	if raced {
		count = 40_000
	}
	file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 3)
	members, m := unpack(t, file)
	list(members, m)
	frames := [][]byte{tarOf(t, members, false)}
	header := tarOf(t, []entry{{tar.Header{Name: "stranger/0000000000"}, nil}}, false)
	var frame []byte
	for i := range count {
		copy(header[9:], fmt.Sprintf("%010d", i))
		copy(header[148:], fmt.Sprintf("%06o\x00 ", checksum(header)))
		if frame = append(frame, header...); len(frame) >= 1<<20 {
			frames, frame = append(frames, frame), nil
		}
	}
	frames = append(frames, frame, tarOf(t, []entry{{tar.Header{Name: "manifest.json"}, toJSON(t, m)}}, true))
	bad := archive.Pack(frames...)
	frames = nil
	r := open(t, bad)
	found := 0
	peak := peakHeap(t, func() {
		if _, err := r.Verify(t.Context(), func(archive.Problem) { found++ }); err != nil {
			t.Error(err)
		}
	})
	if found != count {
		t.Errorf("%d of %d strangers are reported", found, count)
	}
	if peak > 12<<20 {
		t.Errorf("took %d MiB", peak>>20)
	}
}

// Records past what a project can have are not read: whoever holds them in
// memory counts on it.
func TestTooManyImages(t *testing.T) {
	file, sum := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 30)
	for limit, want := range map[int]int{29: 29, 30: 30} {
		r := open(t, file)
		archive.LimitImages(r, limit)
		n, last := 0, error(nil)
		for _, err := range r.Images(t.Context(), sum.Manifest.Projects[0].ID) {
			if last = err; err == nil {
				n++
			}
		}
		if _, damaged := errors.AsType[*archive.CorruptError](last); n != want || damaged != (limit < 30) {
			t.Errorf("at most %d: %d records, %v", limit, n, last)
		}
	}
}
