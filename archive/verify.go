package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"cvarchive/manifest"
)

// Problem is one thing that [Reader.Verify] found wrong.
type Problem struct {
	Member string // empty: the file as a whole
	Reason string
}

// Verified is what [Reader.Verify] went through.
type Verified struct {
	SHA256  manifest.Digest // of the whole file
	Size    int64           // bytes of the whole file
	Members int             // members read, manifest.json included
	Images  int64           // image records read
}

// Verify reads the whole file once, from its start to its end, and reports
// everything that is not as it was written: bytes that changed, frames that
// do not decompress, members that are altered, missing, additional, twice or
// in another place, records that are not valid, counts, tokens and the object
// list that do not agree with what the manifest says of them. After a break
// it goes on with the next member, so that what is still whole is known.
//
// The error is one of reading, or of ctx; what is wrong with the archive is
// reported only. Objects in the vault are not looked at.
func (r *Reader) Verify(ctx context.Context, report func(Problem)) (Verified, error) {
	v := &verifier{r: r, report: report, hash: sha256.New(), listed: map[string]int{}, seen: map[string]bool{}}
	for i, m := range r.manifest.Members {
		v.listed[m.Name] = i
	}
	for offset := int64(0); offset >= 0; {
		var err error
		if offset, err = v.walk(ctx, offset); err != nil {
			return v.done, err
		}
	}
	v.wholeManifest()
	v.done.Size = r.src.size
	return v.done, v.wholeFile()
}

// verifier is the state of one Verify.
type verifier struct {
	r      *Reader
	report func(Problem)
	done   Verified

	hash     hash.Hash // of the frames, as they are in the file
	hashed   int64     // bytes of the file in it
	listed   map[string]int
	seen     map[string]bool
	previous int // index of the listed member that was seen last

	project *projectCheck
	objects manifest.ObjectDigest
	broken  bool // something was passed over: sums cannot agree
}

// projectCheck collects what the members of one project come to.
type projectCheck struct {
	id      string
	members ProjectMembers
	tally   manifest.Tally
	broken  bool
}

func (v *verifier) problem(member, format string, args ...any) {
	v.report(Problem{Member: member, Reason: fmt.Sprintf(format, args...)})
}

// walk goes through the tar from a decompressed offset on. Where the file is
// broken it returns the offset to go on from, and -1 at the end.
func (v *verifier) walk(ctx context.Context, offset int64) (next int64, err error) {
	stream := v.r.src.stream(ctx, offset, v.r.src.total())
	stream.packed = v.hashFrame
	pos := offset
	t := tar.NewReader(&countReader{r: stream, n: &pos})
	for {
		at := padded(pos)
		h, err := t.Next()
		ended := errors.Is(err, io.EOF)
		switch {
		case ended:
			err = v.end(stream)
		case err == nil, errors.Is(err, tar.ErrInsecurePath):
			err = v.member(h, at, t)
		}
		if err != nil {
			return v.resume(at, err)
		}
		if ended {
			return -1, nil
		}
	}
}

// hashFrame hashes compressed bytes once, in the order of the file; after a
// break, frames come again.
func (v *verifier) hashFrame(offset int64, packed []byte) {
	if offset == v.hashed {
		v.hash.Write(packed)
		v.hashed += int64(len(packed))
	}
}

// end looks at what comes after the end of the tar: nothing.
func (v *verifier) end(stream io.Reader) error {
	rest, err := io.Copy(io.Discard, stream)
	if rest > 0 {
		v.problem("", "%d bytes follow the end of the tar", rest)
	}
	return err
}

// resume reports what broke at a decompressed offset, and finds the next
// listed member after it. An error that is not the file's fault is returned.
func (v *verifier) resume(at int64, err error) (next int64, fatal error) {
	_, damaged := errors.AsType[*CorruptError](err)
	if !damaged && !brokenTar(err) {
		return -1, err
	}
	v.broken = true
	name := ""
	next = v.r.manifestOffset
	for i := len(v.r.manifest.Members) - 1; i >= 0; i-- {
		switch m := &v.r.manifest.Members[i]; {
		case m.Offset > at:
			next = m.Offset
		case name == "":
			name = m.Name
			v.seen[name] = true
		}
	}
	if at >= v.r.manifestOffset {
		name, next = manifestName, -1
		v.seen[name] = true
	}
	v.breakProject(name)
	v.problem(name, "%s", reasonOf(err))
	return next, nil
}

// breakProject keeps the counts of the project of a broken member from being
// compared.
func (v *verifier) breakProject(name string) {
	if id, _, ok := splitMember(name); ok && v.enter(id) {
		v.project.broken = true
	}
}

// reasonOf gives an error's reason without its advice, which Verify's reader
// has in one place for all problems.
func reasonOf(err error) string {
	if c, ok := errors.AsType[*CorruptError](err); ok {
		return c.Reason
	}
	return fmt.Sprintf("the tar is broken there: %v", err)
}

// member checks one member that the tar holds at a decompressed offset.
// Errors are those of reading the tar.
func (v *verifier) member(h *tar.Header, at int64, content io.Reader) error {
	v.done.Members++
	// What is not read is passed over by the tar reader, which knows how much
	// of it is there: a sparse file may claim to be any size.
	if reason := headerProblem(h); reason != "" {
		v.problem("", "%s", reason)
		return nil
	}
	i, ok := v.listed[h.Name]
	switch {
	case v.seen[h.Name]:
		v.problem(h.Name, "it is there twice")
		return nil
	case h.Name == manifestName:
		v.seen[h.Name] = true
		return v.manifest(at, content)
	case !ok: // and not remembered: there may be millions
		v.problem(h.Name, "it is in the file, and not in the manifest")
		return nil
	}
	v.seen[h.Name] = true
	m := &v.r.manifest.Members[i]
	switch {
	case i < v.previous:
		v.problem(h.Name, "it is not in the order of the manifest")
	case at != m.Offset:
		v.problem(h.Name, "it is at offset %d, the manifest says %d", at, m.Offset)
	case h.Size != m.Size:
		v.problem(h.Name, "it has %d bytes, the manifest says %d", h.Size, m.Size)
	}
	v.previous = max(v.previous, i)
	return v.content(m, content)
}

// manifest compares the manifest in the tar with the one that was opened.
func (v *verifier) manifest(at int64, content io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(content, manifest.MaxManifest+1))
	if err != nil {
		return err
	}
	if at != v.r.manifestOffset || !bytes.Equal(data, v.r.manifestJSON) {
		v.problem(manifestName, "the file has another one at offset %d", at)
	}
	return nil
}

// content reads a listed member and checks its digest and its records.
func (v *verifier) content(m *manifest.Member, content io.Reader) error {
	hash := sha256.New()
	in := io.TeeReader(content, hash)
	id, file, _ := splitMember(m.Name)
	var bad, err error
	switch {
	case !v.enter(id) || !isProjectFile(file):
		_, err = io.Copy(io.Discard, in)
	case file == imagesFile:
		bad, err = v.images(in)
	default:
		bad, err = v.document(file, m, in)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	if err != nil {
		return err
	}
	switch digest := manifest.Digest(hash.Sum(nil)); {
	case digest != m.SHA256:
		v.problem(m.Name, "its SHA-256 is %s, the manifest says %s", digest, m.SHA256)
	case bad != nil:
		v.problem(m.Name, "%v", bad)
	}
	if bad != nil {
		v.broken = true
		v.project.broken = true
	}
	return nil
}

func isProjectFile(file string) bool {
	for _, f := range projectFiles {
		if f == file {
			return true
		}
	}
	return false
}

// enter goes on to a project's members, and finishes the one before. It
// reports whether the manifest has the project.
func (v *verifier) enter(id string) bool {
	if v.project != nil && v.project.id == id {
		return true
	}
	v.leave()
	if id == "" || v.r.manifest.Project(id) == nil {
		return false
	}
	v.project = &projectCheck{id: id}
	return true
}

// document reads one of the JSON members of a project.
func (v *verifier) document(file string, m *manifest.Member, in io.Reader) (bad, err error) {
	data, err := io.ReadAll(io.LimitReader(in, manifest.MaxDocument+1))
	if err != nil {
		return nil, err
	}
	if bad := v.project.members.decode(file, data); bad != nil {
		return bad, nil
	}
	if file == "iterations.json" {
		for o := range manifest.ModelObjects(v.project.members.Iterations) {
			v.objects.Add(o)
		}
	}
	return nil, nil
}

// images reads the image records of a project.
func (v *verifier) images(in io.Reader) (bad, err error) {
	n := 0
	for line, err := range lines(in) {
		if err != nil {
			if _, ok := errors.AsType[*lineError](err); ok {
				return err, nil
			}
			return nil, err
		}
		n++
		v.done.Images++
		var img manifest.Image
		if err := manifest.DecodeImage(line, &img); err != nil {
			return fmt.Errorf("line %d: %w", n, err), nil
		}
		if err := v.project.tally.Image(&img); err != nil {
			return fmt.Errorf("line %d: %w", n, err), nil
		}
		if img.Object != nil {
			v.objects.Add(*img.Object)
		}
	}
	return nil, nil
}

// leave compares what the members of a project came to with its entry in
// the manifest, unless some of them could not be read.
func (v *verifier) leave() {
	p := v.project
	v.project = nil
	if p == nil || p.broken {
		return
	}
	entry := v.r.manifest.Project(p.id)
	for _, file := range projectFiles {
		if !v.seen[memberName(p.id, file)] {
			return // reported as missing
		}
	}
	p.tally.Project(p.members.Tags, p.members.Iterations)
	if got := p.tally.Counts(); got != entry.Counts {
		v.problem(manifestName, "the counts of project %q are not those of its records: %+v instead of %+v", entry.Name, entry.Counts, got)
	}
	project, export := &p.members.Project, &p.members.Export
	if project.ID != entry.ID || project.Name != entry.Name || entry.DomainID != "" && project.Settings.DomainID != entry.DomainID {
		v.problem(manifestName, "what it says of project %q is not what %s says", entry.Name, memberName(p.id, projectFiles[0]))
	}
	if entry.Token != (manifest.TokenSummary{State: export.State, Expires: export.Expires}) {
		v.problem(manifestName, "what it says of the token of project %q is not what the export record says", entry.Name)
	}
}

// wholeManifest reports what the manifest lists and the tar does not have,
// and compares the object list.
func (v *verifier) wholeManifest() {
	v.leave()
	for _, m := range v.r.manifest.Members {
		if !v.seen[m.Name] {
			v.broken = true
			v.problem(m.Name, "it is missing")
		}
	}
	if !v.seen[manifestName] {
		v.problem(manifestName, "the tar ends before it")
	}
	if want, got := v.r.manifest.Objects, v.objects.Sum(); !v.broken && got != want {
		v.problem(manifestName, "its object list (%d objects, %s) is not that of the records (%d objects, %s)", want.Count, want.Digest, got.Count, got.Digest)
	}
}

// wholeFile compares the bytes of the file with the check frame, and takes
// their digest.
func (v *verifier) wholeFile() error {
	src := v.r.src
	var buf []byte
	for v.hashed < src.check.offset { // what was passed over after a break
		n := min(batchSize, src.check.offset-v.hashed)
		var err error
		if buf, err = src.read(v.hashed, int(n), buf); err != nil {
			return err
		}
		v.hash.Write(buf)
		v.hashed += n
	}
	check, err := src.read(src.check.offset, src.check.packed, nil)
	if err != nil {
		return err
	}
	switch want, err := parseCheckFrame(check); {
	case err != nil:
		v.problem("", "%v", err)
	case !v.broken && want != manifest.Digest(v.hash.Sum(nil)):
		v.problem("", "bytes of the file were changed")
	}
	v.hash.Write(check)
	v.hash.Write(src.table)
	v.hash.Sum(v.done.SHA256[:0])
	return nil
}
