package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"cvarchive/manifest"
)

// VolumesSuffix ends the name of the small file that lists the volumes of a
// bundle.
const VolumesSuffix = ".volumes.json"

const (
	volumesFormat  = "cvarchive-volumes"
	volumesVersion = 1
	maxVolumes     = 100_000
	maxVolumesFile = 64 << 20 // bytes

	// MinVolume is the smallest size of a volume, in bytes.
	MinVolume = 64 << 10
)

// volumes is the content of the file that lists them. Joined, the volumes are
// the bundle; there is no redundancy.
type volumes struct {
	Format        string   `json:"format"`
	FormatVersion int      `json:"formatVersion"`
	Size          int64    `json:"size"` // of all
	Volumes       []volume `json:"volumes"`
}

type volume struct {
	Name   string          `json:"name"` // in the same folder
	Size   int64           `json:"size"`
	SHA256 manifest.Digest `json:"sha256"`
	// Head is the digest of its first headSize bytes, by which a volume that
	// was mistaken for another is known as soon as it is opened.
	Head manifest.Digest `json:"head,omitzero"`
}

const headSize = 4096 // bytes, or all there are

// VolumeWriter splits what is written into files of a size, <path>.001 and so
// on, and lists them in <path>.volumes.json, which is written last. Nothing is
// made before the first byte, and no file is replaced.
type VolumeWriter struct {
	path string
	size int64
	list volumes
	file *os.File // the volume being written
	hash hash.Hash
	head []byte // its first bytes
	left int64
	done []string // files that were made
}

// NewVolumeWriter returns a writer of volumes of at most size bytes.
func NewVolumeWriter(path string, size int64) *VolumeWriter {
	return &VolumeWriter{path: path, size: max(size, MinVolume), list: volumes{Format: volumesFormat, FormatVersion: volumesVersion}}
}

// Write implements [io.Writer].
func (w *VolumeWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if w.left == 0 {
			if err := w.next(); err != nil {
				return n, err
			}
		}
		m, err := w.file.Write(p[:min(int64(len(p)), w.left)])
		w.hash.Write(p[:m])
		w.head = append(w.head, p[:min(m, headSize-len(w.head))]...)
		w.left -= int64(m)
		n += m
		if err != nil {
			return n, fmt.Errorf("write a volume: %w", err)
		}
		p = p[m:]
	}
	return n, nil
}

// next ends a volume and begins another.
func (w *VolumeWriter) next() error {
	if err := w.end(); err != nil {
		return err
	}
	if len(w.list.Volumes) == maxVolumes {
		return fmt.Errorf("%s would have more than %d volumes; make them larger", w.path, maxVolumes)
	}
	f, err := w.create(fmt.Sprintf("%s.%03d", w.path, len(w.list.Volumes)+1))
	if err != nil {
		return err
	}
	w.file, w.hash, w.head, w.left = f, sha256.New(), w.head[:0], w.size
	return nil
}

func (w *VolumeWriter) create(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write a volume: %w", err)
	}
	w.done = append(w.done, path)
	return f, nil
}

func (w *VolumeWriter) end() error {
	if w.file == nil {
		return nil
	}
	v := volume{Name: filepath.Base(w.file.Name()), Size: w.size - w.left, SHA256: manifest.Digest(w.hash.Sum(nil)), Head: sha256.Sum256(w.head)}
	err := errors.Join(w.file.Sync(), w.file.Close())
	w.file = nil
	if err != nil {
		return fmt.Errorf("write volume %s: %w", v.Name, err)
	}
	w.list.Volumes = append(w.list.Volumes, v)
	w.list.Size += v.Size
	return nil
}

// Commit ends the last volume and lists them all.
func (w *VolumeWriter) Commit() error {
	if err := w.end(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(w.list, "", "  ")
	if err != nil {
		return err
	}
	f, err := w.create(w.path + VolumesSuffix)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	w.done = nil
	return nil
}

// Abandon removes what was written and not committed.
func (w *VolumeWriter) Abandon() {
	if w.file != nil {
		w.file.Close()
	}
	for _, path := range w.done {
		os.Remove(path)
	}
}

// Count returns how many volumes there are.
func (w *VolumeWriter) Count() int { return len(w.list.Volumes) }

// Volumes reads the volumes of a bundle as one file.
type Volumes struct {
	files []*os.File
	ends  []int64
	list  []volume
}

// OpenVolumes opens the volumes that a file lists. All of them must be beside
// it, with their sizes and first bytes; [Volumes.Check] reads them whole. The
// error names every volume that is missing or is not what it should be.
func OpenVolumes(path string) (*Volumes, error) {
	list, err := readVolumes(path)
	if err != nil {
		return nil, err
	}
	v := &Volumes{list: list.Volumes}
	end := int64(0)
	var wrong []error
	for _, one := range list.Volumes {
		f, err := openVolume(filepath.Dir(path), one, list.Volumes)
		if err != nil {
			if wrong = append(wrong, err); len(wrong) == maxNamed {
				break
			}
			continue
		}
		end += one.Size
		v.files, v.ends = append(v.files, f), append(v.ends, end)
	}
	if len(wrong) > 0 {
		return nil, &VolumesError{Wrong: wrong, close: v.Close()}
	}
	return v, nil
}

// maxNamed bounds how many volumes an error names.
const maxNamed = 20

// VolumesError names the volumes with which something is wrong.
type VolumesError struct {
	Wrong []error
	close error
}

// Error names them in one line.
func (e *VolumesError) Error() string {
	var all []string
	for _, err := range e.Wrong {
		all = append(all, err.Error())
	}
	return strings.Join(all, "; ")
}

// Unwrap returns all of them.
func (e *VolumesError) Unwrap() []error { return append(e.Wrong[:len(e.Wrong):len(e.Wrong)], e.close) }

// Check reads all volumes and returns a sentence for each whose digest is
// another than the list says.
func (v *Volumes) Check(ctx context.Context) (wrong []string, err error) {
	buffer := make([]byte, 1<<20)
	for i, one := range v.list {
		h := sha256.New()
		for off := int64(0); off < one.Size; {
			if ctx.Err() != nil {
				return wrong, ctx.Err()
			}
			n, err := v.files[i].ReadAt(buffer[:min(int64(len(buffer)), one.Size-off)], off)
			h.Write(buffer[:n])
			off += int64(n)
			if err != nil && !(errors.Is(err, io.EOF) && off == one.Size) {
				return wrong, fmt.Errorf("read volume %s: %w", one.Name, err)
			}
		}
		if manifest.Digest(h.Sum(nil)) != one.SHA256 {
			wrong = append(wrong, fmt.Sprintf("volume %s of the bundle has another SHA-256 than the list of volumes says", one.Name))
		}
	}
	return wrong, nil
}

func readVolumes(path string) (list volumes, err error) {
	f, err := os.Open(path)
	if err != nil {
		return list, fmt.Errorf("open the list of volumes: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxVolumesFile))
	if err != nil {
		return list, fmt.Errorf("read the list of volumes: %w", err)
	}
	bad := json.Unmarshal(data, &list) != nil || list.Format != volumesFormat || list.FormatVersion < 1
	switch {
	case bad:
		return list, fmt.Errorf("%s does not list the volumes of a bundle", path)
	case list.FormatVersion > volumesVersion:
		return list, &VersionError{Found: list.FormatVersion}
	}
	size := int64(0)
	for _, one := range list.Volumes {
		if one.Name != filepath.Base(one.Name) || !filepath.IsLocal(one.Name) || one.Size <= 0 || one.Size > list.Size {
			return list, fmt.Errorf("%s is damaged: it lists %q with %d bytes", path, one.Name, one.Size)
		}
		size += one.Size
	}
	if size != list.Size || len(list.Volumes) == 0 || len(list.Volumes) > maxVolumes {
		return list, fmt.Errorf("%s is damaged: its volumes have %d bytes in all, and it says %d", path, size, list.Size)
	}
	return list, nil
}

func openVolume(dir string, v volume, all []volume) (*os.File, error) {
	f, err := os.Open(filepath.Join(dir, v.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("volume %s of the bundle is not there; put all volumes into one folder: %w", v.Name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("open a volume: %w", err)
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() != v.Size) {
		err = fmt.Errorf("volume %s of the bundle has %d bytes instead of %d; copy it again", v.Name, info.Size(), v.Size)
	}
	if err == nil {
		err = v.checkHead(f, all)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// checkHead compares the first bytes of a volume, and says which other one it
// is when it is that.
func (v *volume) checkHead(f *os.File, all []volume) error {
	if v.Head.IsZero() { // a list without them
		return nil
	}
	head := make([]byte, min(headSize, v.Size))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read volume %s: %w", v.Name, err)
	}
	got := manifest.Digest(sha256.Sum256(head))
	if got == v.Head {
		return nil
	}
	for _, other := range all {
		if other.Head == got {
			return fmt.Errorf("volume %s of the bundle is the file that should be called %s; give the volumes their names back", v.Name, other.Name)
		}
	}
	return fmt.Errorf("volume %s of the bundle does not begin as it did: it is another bundle's, or damaged; copy it again", v.Name)
}

// Size returns the size of the whole in bytes.
func (v *Volumes) Size() int64 { return v.ends[len(v.ends)-1] }

// Close closes the volumes.
func (v *Volumes) Close() error {
	var err error
	for _, f := range v.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// ReadAt implements [io.ReaderAt].
func (v *Volumes) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at the negative offset %d", off)
	}
	for n < len(p) {
		at := off + int64(n)
		i := sort.Search(len(v.ends), func(i int) bool { return v.ends[i] > at })
		if i == len(v.ends) {
			return n, io.EOF
		}
		start := int64(0)
		if i > 0 {
			start = v.ends[i-1]
		}
		m, err := v.files[i].ReadAt(p[n:int64(n)+min(int64(len(p)-n), v.ends[i]-at)], at-start)
		n += m
		if err != nil && !errors.Is(err, io.EOF) {
			return n, fmt.Errorf("read volume %s: %w", filepath.Base(v.files[i].Name()), err)
		}
		if m == 0 {
			return n, io.ErrUnexpectedEOF // it was cut meanwhile
		}
	}
	return n, nil
}
