package verify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cvarchive/archive/objectset"
)

// Scope is what a [Journal] is about: reading these archives of a vault.
type Scope struct {
	Vault    string   // its id
	Archives []string // names; empty: all, whichever there are
}

// Journal remembers on disk which objects a pass has read and found sound, so
// that the pass, when it is stopped, can be gone on with. It is a file of one
// line of JSON and 16 bytes an object. What was noted since the last few
// hundred objects may be lost with a crash; those are read again.
//
// A journal tells of the past: it belongs to one pass, and a pass that takes
// longer than [MaxPassAge] begins again.
type Journal struct {
	path  string
	head  journalHead
	known objectset.Table // looks at objects, when it was opened
	count int64           // of them

	mu      sync.Mutex
	file    *os.File // nil until something is written
	pending []byte
	failed  bool // writing is not tried again
}

// MaxPassAge is how old what a journal tells may be.
const MaxPassAge = 30 * 24 * time.Hour

const (
	journalFormat = "cvarchive-verify"
	maxHead       = 4 << 20 // bytes of the first line
	flushAt       = 256 * len(key{})
)

// journalHead is the first line.
type journalHead struct {
	Format   string    `json:"format"`
	Version  int       `json:"version"`
	Vault    string    `json:"vault"`
	Archives []string  `json:"archives,omitempty"`
	Started  time.Time `json:"started"`
}

// OpenJournal opens the journal of a pass, or prepares to begin one: the file
// is not made before there is something to remember. With restart, and when
// its pass began more than [MaxPassAge] before now, what it says is dropped.
// A file that is something else, or the journal of another pass, is left
// alone and an error.
func OpenJournal(path string, s Scope, now time.Time, restart bool) (*Journal, error) {
	archives := slices.Clone(s.Archives)
	slices.Sort(archives)
	j := &Journal{path: path, head: journalHead{
		Format: journalFormat, Version: 1, Vault: s.Vault, Archives: slices.Compact(archives), Started: now.UTC().Truncate(time.Second),
	}}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open what an earlier verification left: %w", err)
	}
	if err := j.resume(f, now, restart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// resume reads an existing file and keeps it open for more.
func (j *Journal) resume(f *os.File, now time.Time, restart bool) error {
	in := bufio.NewReader(f)
	line, err := readHead(in)
	if err != nil {
		return fmt.Errorf("read what an earlier verification left in %s: %w", j.path, err)
	}
	if len(line) == 0 { // empty, or made and not written
		return j.begin(f)
	}
	var head journalHead
	if json.Unmarshal(line, &head) != nil || head.Format != journalFormat {
		return fmt.Errorf("%s is not what a verification leaves; give the state another file", j.path)
	}
	switch {
	case head.Vault != j.head.Vault || !slices.Equal(head.Archives, j.head.Archives):
		return fmt.Errorf("%s belongs to the verification of other archives; give the state another file, or delete it", j.path)
	case restart, head.Version != j.head.Version, now.Sub(head.Started) > MaxPassAge:
		return j.begin(f)
	}
	j.head.Started = head.Started
	j.known = objectset.Table{}
	for {
		var k key
		if _, err := io.ReadFull(in, k[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				break
			}
			return fmt.Errorf("read what an earlier verification left in %s: %w", j.path, err)
		}
		j.known.Put(k, byte(read|earlier|sound))
	}
	j.count = int64(j.known.Len())
	return j.append(f, int64(len(line)))
}

// readHead returns the first line with its newline, or nothing when there is
// none.
func readHead(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for len(line) < maxHead {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, io.EOF):
			if len(bytes.TrimLeft(line, "\x00")) == 0 {
				return nil, nil
			}
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
	return line, nil
}

// append goes to the end of the last whole entry; a crash may have left a
// part of one.
func (j *Journal) append(f *os.File, head int64) error {
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		end -= (end - head) % int64(len(key{}))
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("go on writing %s: %w", j.path, err)
	}
	j.file = f
	return nil
}

// begin makes f an empty journal.
func (j *Journal) begin(f *os.File) error {
	line, err := json.Marshal(j.head)
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(append(line, '\n'), 0)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekEnd)
	}
	if err != nil {
		return fmt.Errorf("begin the state of a verification in %s: %w", j.path, err)
	}
	j.file = f
	return nil
}

// Known returns how many objects the pass had read before it was stopped.
func (j *Journal) Known() int64 { return j.count }

// Started returns when the pass began, in UTC.
func (j *Journal) Started() time.Time { return j.head.Started }

// add notes an object. After a failure it notes nothing more, and says so
// once.
func (j *Journal) add(k key) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending = append(j.pending, k[:]...)
	if len(j.pending) < flushAt {
		return nil
	}
	return j.flush()
}

func (j *Journal) flush() error {
	pending := j.pending
	j.pending = j.pending[:0]
	if j.failed || len(pending) == 0 {
		return nil
	}
	err := j.make()
	if err == nil {
		_, err = j.file.Write(pending)
	}
	j.failed = err != nil
	return err
}

// make makes the file, unless it is open.
func (j *Journal) make() error {
	if j.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(j.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := j.begin(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// Close keeps what was noted for the next run.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.flush()
	if j.file != nil {
		err = errors.Join(err, j.file.Close())
		j.file = nil
	}
	j.failed = true // closed
	return err
}

// Finish ends the pass: there is nothing to go on with, and the file goes.
func (j *Journal) Finish() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed, j.pending = true, nil
	if j.file == nil {
		return nil
	}
	err := errors.Join(j.file.Close(), os.Remove(j.path))
	j.file = nil
	return err
}
