package archive

import (
	"encoding/binary"
	"fmt"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
)

// The seek table, as the seekable format has it: a skippable frame of 8 bytes
// header, 12 bytes an entry (compressed size, decompressed size, checksum)
// and 9 bytes footer (number of entries, descriptor, magic number).
const (
	tableHeader     = 8
	tableEntry      = 12
	tableFooter     = 9
	tableFrameMagic = 0x184D2A5E
	tableMagic      = 0x8F92EAB1
	tableDescriptor = 0x80 // checksums, and nothing else

	emptyChecksum = 0x51D8E999 // low half of the XXH64 of nothing
)

// appendTableEntry appends the entry of a frame.
func appendTableEntry(entries []byte, packed, size int, checksum uint32) []byte {
	entries = binary.LittleEndian.AppendUint32(entries, uint32(packed))
	entries = binary.LittleEndian.AppendUint32(entries, uint32(size))
	return binary.LittleEndian.AppendUint32(entries, checksum)
}

// seekTable is the table of these entries.
func seekTable(entries []byte) []byte {
	table := binary.LittleEndian.AppendUint32(nil, tableFrameMagic)
	table = binary.LittleEndian.AppendUint32(table, uint32(len(entries)+tableFooter))
	table = append(table, entries...)
	table = binary.LittleEndian.AppendUint32(table, uint32(len(entries)/tableEntry))
	return binary.LittleEndian.AppendUint32(append(table, tableDescriptor), tableMagic)
}

// tableSize reads the footer at the end of tail and returns the size of the
// whole table; ok is false when there is no footer.
func tableSize(tail []byte) (size int64, ok bool) {
	if len(tail) < tableFooter {
		return 0, false
	}
	footer := tail[len(tail)-tableFooter:]
	if binary.LittleEndian.Uint32(footer[5:]) != tableMagic || footer[4] != tableDescriptor {
		return 0, false
	}
	return tableHeader + tableFooter + tableEntry*int64(binary.LittleEndian.Uint32(footer)), true
}

// frame is one entry of the table: where a frame is, and what it holds.
type frame struct {
	offset   int64 // in the file
	packed   int   // bytes in the file
	start    int64 // decompressed
	size     int   // decompressed; 0: the check frame
	checksum uint32
}

func (f *frame) end() int64 { return f.start + int64(f.size) }

// parseTable reads a table and checks it against the file: its frames must
// fill the file up to the table exactly, none may be larger than is read, and
// the last must be the check frame.
func parseTable(table []byte, fileSize int64) ([]frame, error) {
	parsed, err := seekable.NewSeekTable(table)
	if err != nil {
		return nil, err
	}
	n := parsed.NumFrames()
	if n < 2 {
		return nil, fmt.Errorf("%d frames", n)
	}
	frames := make([]frame, 0, n)
	for id := range n {
		e, _ := parsed.EntryByID(id)
		switch check := id == n-1; {
		case check && (e.CompressedSize != uint32(checkFrameSize) || e.DecompressedSize != 0 || e.Checksum != emptyChecksum):
			return nil, fmt.Errorf("the last frame is not the check frame")
		case !check && (e.CompressedSize == 0 || e.DecompressedSize == 0):
			return nil, fmt.Errorf("frame %d is empty", id)
		case e.CompressedSize > maxPacked || e.DecompressedSize > maxFrame:
			return nil, fmt.Errorf("frame %d is larger than the %d bytes that are read", id, maxFrame)
		case e.DecompressedOffset > maxTotal:
			return nil, fmt.Errorf("more than %d bytes in all", int64(maxTotal))
		}
		frames = append(frames, frame{
			offset: int64(e.CompressedOffset), packed: int(e.CompressedSize),
			start: int64(e.DecompressedOffset), size: int(e.DecompressedSize),
			checksum: e.Checksum,
		})
	}
	last := frames[n-1]
	if got, want := last.offset+int64(last.packed), fileSize-int64(len(table)); got != want {
		return nil, fmt.Errorf("its frames take %d bytes, and the file has %d for them", got, want)
	}
	return frames, nil
}
