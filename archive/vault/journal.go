package vault

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cvarchive/manifest"
)

const (
	journalPrefix  = "journal/"
	journalSuffix  = ".jsonl"
	journalFormat  = "cvarchive-journal"
	journalVersion = 1
	maxSegment     = 4 << 20 // bytes

	// MaxSegmentEntries bounds what one segment of the journal holds.
	MaxSegmentEntries = 4096
	// MaxSegments bounds how many segments of a source are listed.
	MaxSegments = 100_000
)

// Journal is what one segment says: for a resource, under which digests the
// bytes of some of its images and exported models are in the vault. It saves downloads and proves
// nothing: whoever uses it asks the vault for each object.
type Journal struct {
	Endpoint string // of the resource
	Entries  []JournalEntry
}

// JournalEntry names the object with the bytes of one image or model.
type JournalEntry struct {
	Project string          `json:"project"`         // id
	Image   string          `json:"image,omitempty"` // id; empty: a model
	Model   *JournalModel   `json:"model,omitempty"`
	Blob    string          `json:"blob,omitempty"`
	Object  manifest.Object `json:"object"`
}

// JournalModel is an exported model as it was at one time: training an
// iteration again makes another iteration.
type JournalModel struct {
	Iteration string             `json:"iteration"` // id
	Modified  manifest.Timestamp `json:"modified"`  // of the iteration
	Platform  string             `json:"platform"`
	Flavor    string             `json:"flavor,omitempty"`
}

// Segment is one file of the journal of a source. It is written once, by one
// run, whose archive (if it comes to one) is "<source>/<run>".
type Segment struct {
	Source  string
	Run     string    // "<UTC time>-<id>" of the run that wrote it
	Number  int       // from 1 on
	Started time.Time // of the run; UTC, whole seconds
	Path    string    // name in the store
}

// SegmentError says that a segment is not as it was written.
type SegmentError struct {
	Path   string
	Reason string // completes "the journal … "
}

// Error names the segment. It is never worth more than the downloads that the
// segment would have saved.
func (e *SegmentError) Error() string {
	return fmt.Sprintf("the journal %s %s; it is not used, and what it knew is downloaded again", e.Path, e.Reason)
}

// segmentHead is the first line of a segment, segmentEnd the last.
type (
	segmentHead struct {
		Format        string `json:"format"`
		FormatVersion int    `json:"formatVersion"`
		Endpoint      string `json:"endpoint"`
	}
	segmentEnd struct {
		SHA256 manifest.Digest `json:"sha256"` // of everything before this line
	}
)

var segmentPattern = regexp.MustCompile(`^(\d{8}T\d{6}Z)-([0-9a-f]{8})-(\d{6,9})$`)

// newSegment names a segment of the run that began at a time and has an id.
func newSegment(source string, started time.Time, id string, number int) (Segment, error) {
	a, err := newArchive(source, started, id, false)
	if err != nil {
		return Segment{}, err
	}
	_, run, _ := strings.Cut(a.Name, "/")
	return Segment{
		Source: source, Run: run, Number: number, Started: a.Created,
		Path: fmt.Sprintf("%s%s-%06d%s", journalPrefix, a.Name, number, journalSuffix),
	}, nil
}

// newSegment names a segment of this vault.
func (v *Vault) newSegment(source string, started time.Time, id string, number int) (Segment, error) {
	s, err := newSegment(source, started, id, number)
	if err == nil && v.Encrypted() {
		s.Path += sealedSuffix
	}
	return s, err
}

// parseSegment reads a name of this vault's store back.
func (v *Vault) parseSegment(name, source string) (Segment, bool) {
	if !v.Encrypted() {
		return parseSegment(name, source)
	}
	plain, ok := strings.CutSuffix(name, sealedSuffix)
	if !ok {
		return Segment{}, false
	}
	s, ok := parseSegment(plain, source)
	s.Path = name
	return s, ok
}

func parseSegment(name, source string) (Segment, bool) {
	file, ok := strings.CutPrefix(name, journalPrefix+source+"/")
	file, suffixed := strings.CutSuffix(file, journalSuffix)
	parts := segmentPattern.FindStringSubmatch(file)
	if !ok || !suffixed || parts == nil {
		return Segment{}, false
	}
	started, err := time.Parse(timeLayout, parts[1])
	number, numErr := strconv.Atoi(parts[3])
	if err != nil || numErr != nil {
		return Segment{}, false
	}
	s, err := newSegment(source, started, parts[2], number)
	return s, err == nil && s.Path == name
}

// WriteSegment stores a segment of the run with the given start and id, and
// returns when it is durable. Every object that it names must have been
// stored before.
func (v *Vault) WriteSegment(ctx context.Context, source string, started time.Time, id string, number int, j Journal) (Segment, error) {
	s, err := v.newSegment(source, started, id, number)
	if err == nil {
		err = j.check()
	}
	if err != nil {
		return Segment{}, fmt.Errorf("write a journal: %w", err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err = enc.Encode(segmentHead{journalFormat, journalVersion, j.Endpoint})
	for i := 0; err == nil && i < len(j.Entries); i++ {
		err = enc.Encode(&j.Entries[i])
	}
	if err == nil {
		err = enc.Encode(segmentEnd{sha256.Sum256(b.Bytes())})
	}
	if err == nil {
		err = v.Flush(ctx) // the objects that it names come first
	}
	if err == nil {
		err = v.create(ctx, s.Path, b.Bytes())
	}
	if err != nil {
		return Segment{}, fmt.Errorf("write journal %s: %w", s.Path, err)
	}
	return s, nil
}

// Segments lists the journal of a source, the newest first, at most
// [MaxSegments]. Other names in its place are passed over.
func (v *Vault) Segments(ctx context.Context, source string) ([]Segment, error) {
	if err := CheckSource(source); err != nil {
		return nil, fmt.Errorf("list a journal: %w", err)
	}
	var list []Segment
	for info, err := range v.store.List(ctx, journalPrefix+source+"/") {
		if err != nil {
			return nil, fmt.Errorf("list the journal of %s: %w", source, err)
		}
		if s, ok := v.parseSegment(info.Name, source); ok {
			list = append(list, s)
		}
		if len(list) > 2*MaxSegments { // names come oldest first
			list = append(list[:0], list[MaxSegments:]...)
		}
	}
	slices.SortFunc(list, func(a, b Segment) int {
		return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(b.Path, a.Path))
	})
	return list[:min(len(list), MaxSegments)], nil
}

// ReadSegment reads a segment. One that is not as it was written is a
// [*SegmentError], one that is gone [io/fs.ErrNotExist].
func (v *Vault) ReadSegment(ctx context.Context, s Segment) (Journal, error) {
	text, err := v.read(ctx, s.Path, maxSegment)
	if errors.Is(err, errNotDecrypted) {
		return Journal{}, &SegmentError{Path: s.Path, Reason: "cannot be decrypted"}
	}
	if err != nil {
		return Journal{}, fmt.Errorf("read journal %s: %w", s.Path, err)
	}
	j, err := parseJournal(text)
	if err != nil {
		return Journal{}, &SegmentError{Path: s.Path, Reason: err.Error()}
	}
	return j, nil
}

// DeleteSegment removes a segment that is of no use any more.
func (v *Vault) DeleteSegment(ctx context.Context, s Segment) error {
	if err := v.store.Delete(ctx, s.Path); err != nil {
		return fmt.Errorf("delete journal %s: %w", s.Path, err)
	}
	return nil
}

// parseJournal reads what a segment holds. Nothing in it is trusted before
// its digest was checked, and nothing afterwards that is not well formed.
func parseJournal(text []byte) (j Journal, err error) {
	if len(text) > maxSegment {
		return j, fmt.Errorf("is larger than %d MiB", maxSegment>>20)
	}
	body, ok := bytes.CutSuffix(text, []byte("\n"))
	last := bytes.LastIndexByte(body, '\n') + 1
	var end segmentEnd
	if !ok || last == 0 || json.Unmarshal(body[last:], &end) != nil {
		return j, errors.New("has no proper end")
	}
	if sha256.Sum256(text[:last]) != end.SHA256 {
		return j, errors.New("is damaged: its content has another digest")
	}
	var head segmentHead
	for line := range bytes.Lines(text[:last]) {
		if head.Format == "" {
			if json.Unmarshal(line, &head) != nil || head.Format != journalFormat || head.FormatVersion != journalVersion {
				return j, errors.New("is of a kind that this cvarchive does not know")
			}
			j.Endpoint = head.Endpoint
			continue
		}
		if len(j.Entries) == MaxSegmentEntries {
			return j, fmt.Errorf("has more than %d entries", MaxSegmentEntries)
		}
		var e JournalEntry
		if err := json.Unmarshal(line, &e); err != nil {
			return j, fmt.Errorf("has an entry that cannot be read (%d)", len(j.Entries)+1)
		}
		j.Entries = append(j.Entries, e)
	}
	return j, j.check()
}

// check reports the first entry that is not as it must be.
func (j *Journal) check() error {
	if len(j.Entries) > MaxSegmentEntries {
		return fmt.Errorf("has more than %d entries", MaxSegmentEntries)
	}
	for i := range j.Entries {
		e := &j.Entries[i]
		badBlob := e.Blob != "" && e.Blob != manifest.BlobOriginal && e.Blob != manifest.BlobResized
		badName := !manifest.ValidID(e.Image)
		if e.Model != nil {
			badName = e.Image != "" || !manifest.ValidID(e.Model.Iteration)
		}
		if !manifest.ValidID(e.Project) || badName || badBlob || e.Object.Validate() != nil || CheckObject(e.Object) != nil {
			return fmt.Errorf("has an entry that is not valid (%d)", i+1)
		}
	}
	return nil
}
