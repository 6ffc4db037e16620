package archive_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"cvarchive/archive"
	"cvarchive/manifest"
)

// A file that is cut anywhere says that it is cut short.
func TestTruncated(t *testing.T) {
	file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir(), FrameSize: 4 << 10}, 40)
	var cuts []int
	for _, f := range archive.Frames(open(t, file)) {
		cuts = append(cuts, int(f.Offset), int(f.Offset)+1, int(f.Offset)+f.Packed-1, int(f.Offset)+f.Packed)
	}
	for n := 0; n < 64; n++ {
		cuts = append(cuts, n, len(file)-1-n)
	}
	for _, n := range cuts {
		_, err := archive.NewReader(bytes.NewReader(file[:n]), int64(n))
		if c, ok := errors.AsType[*archive.CorruptError](err); !ok || !c.Truncated {
			t.Errorf("cut to %d of %d bytes: %v", n, len(file), err)
		}
	}
	// The size that was asked for is not there.
	_, err := archive.NewReader(bytes.NewReader(file[:len(file)-10]), int64(len(file)))
	if c, ok := errors.AsType[*archive.CorruptError](err); !ok || !c.Truncated {
		t.Errorf("shorter than said: %v", err)
	}
}

// Every byte matters: one that is changed is found, by opening or verifying.
func TestFlippedBytes(t *testing.T) {
	file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir(), FrameSize: 4 << 10}, 2)
	step := 1
	if raced {
		step = 7
	}
	for i := 0; i < len(file); i += step {
		bad := slices.Clone(file)
		bad[i] ^= 1 << (i % 8)
		r, err := archive.NewReader(bytes.NewReader(bad), int64(len(bad)))
		if err != nil {
			if _, ok := errors.AsType[*archive.CorruptError](err); !ok && !errors.Is(err, archive.ErrNotArchive) {
				t.Errorf("byte %d of %d: opening gives an error of another kind: %v", i, len(file), err)
			}
			continue
		}
		if _, problems := verify(t, r); len(problems) == 0 {
			t.Errorf("byte %d of %d is not missed", i, len(file))
		}
	}
}

// One broken frame costs its member; the others are still checked and read.
func TestVerifyGoesOn(t *testing.T) {
	file, sum := write(t, archive.WriterOptions{TempDir: t.TempDir(), FrameSize: 4 << 10}, 200, 200, 200)
	name := "projects/" + sum.Manifest.Projects[1].ID + "/images.jsonl"
	at := sum.Manifest.Member(name).Offset
	for _, f := range archive.Frames(open(t, file)) {
		if f.Start > at+8<<10 {
			file[f.Offset+int64(f.Packed)/2] ^= 0x10
			break
		}
	}
	r := open(t, file)
	v, problems := verify(t, r)
	if len(problems) != 1 || problems[0].Member != name || !strings.Contains(problems[0].Reason, "frame") {
		t.Errorf("problems: %+v", problems)
	}
	if v.Members != 1+5*3+1 || v.Images < 400 {
		t.Errorf("went through %+v", v)
	}
	if v.SHA256 != sha256.Sum256(file) {
		t.Error("the digest is not that of the damaged file")
	}
	for i, p := range sum.Manifest.Projects {
		var err error
		for _, err = range r.Images(t.Context(), p.ID) {
		}
		c, damaged := errors.AsType[*archive.CorruptError](err)
		if damaged != (i == 1) || damaged && c.Member != name {
			t.Errorf("images of project %d: %v", i, err)
		}
	}
}

// entry is one member of a tar.
type entry struct {
	header tar.Header
	body   []byte
}

// unpack takes a good archive apart: its members and its manifest.
func unpack(t testing.TB, file []byte) (members []entry, m *manifest.Manifest) {
	t.Helper()
	dec, err := zstd.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for r := tar.NewReader(dec); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, entry{*h, body})
	}
	m = new(manifest.Manifest)
	if err := json.Unmarshal(members[len(members)-1].body, m); err != nil {
		t.Fatal(err)
	}
	return members[:len(members)-1], m
}

// pack makes a tar of members and a manifest, in two frames.
func pack(t testing.TB, members []entry, manifestJSON []byte) []byte {
	t.Helper()
	return archive.Pack(tarOf(t, members, false), tarOf(t, []entry{{tar.Header{Name: "manifest.json"}, manifestJSON}}, true))
}

func tarOf(t testing.TB, members []entry, end bool) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range members {
		e.header.Size = int64(len(e.body))
		if err := w.WriteHeader(&e.header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if end {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// list makes the manifest's member list agree with the members, as someone
// who alters an archive with care would.
func list(members []entry, m *manifest.Manifest) {
	m.Members = nil
	offset := int64(0)
	for _, e := range members {
		size := int64(len(e.body))
		m.Members = append(m.Members, manifest.Member{Name: e.header.Name, Size: size, SHA256: sha256.Sum256(e.body), Offset: offset})
		offset += 512 + (size+511)/512*512
	}
}

func toJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What was done to an archive by someone who made everything around it fit
// again is still found.
func TestAlteredArchives(t *testing.T) {
	const images, export, project = 5, 4, 1 // members of the first project
	add := func(e []entry, at int, name string) []entry {
		return slices.Insert(e, at, entry{tar.Header{Name: name, Mode: 0o644}, []byte("x")})
	}
	replace := func(e []entry, i int, old, new string) []entry {
		if !bytes.Contains(e[i].body, []byte(old)) {
			panic("not in the sample: " + old)
		}
		e[i].body = bytes.Replace(e[i].body, []byte(old), []byte(new), 1)
		return e
	}
	for name, test := range map[string]struct {
		alter  func([]entry, *manifest.Manifest) []entry
		relist bool
		want   string // in what opening or verifying says
	}{
		"unlisted member": {func(e []entry, m *manifest.Manifest) []entry { list(e, m); return add(e, len(e), "extra") }, false,
			"extra: it is in the file, and not in the manifest"},
		"listed stranger": {func(e []entry, _ *manifest.Manifest) []entry { return add(e, 6, "notes.txt") }, true, ""},
		"absolute name":   {func(e []entry, _ *manifest.Manifest) []entry { return add(e, len(e), "/etc/passwd") }, true, "name"},
		"name climbs":     {func(e []entry, _ *manifest.Manifest) []entry { return add(e, len(e), "projects/../../x") }, true, "name"},
		"unlisted name climbs": {func(e []entry, m *manifest.Manifest) []entry { list(e, m); return add(e, len(e), "../x") }, false,
			"not clean and relative"},
		"link": {func(e []entry, m *manifest.Manifest) []entry {
			list(e, m)
			return append(e, entry{tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, nil})
		}, false, "something else than a file"},
		"twice":       {func(e []entry, m *manifest.Manifest) []entry { list(e, m); return append(e, e[images]) }, false, "it is there twice"},
		"missing":     {func(e []entry, m *manifest.Manifest) []entry { list(e, m); e[images].header.Name = "x"; return e }, false, "images.jsonl: it is missing"},
		"cut out":     {func(e []entry, m *manifest.Manifest) []entry { list(e, m); return slices.Delete(e, images, images+1) }, false, "cannot be"},
		"other order": {func(e []entry, m *manifest.Manifest) []entry { list(e, m); e[2], e[3] = e[3], e[2]; return e }, false, "not in the order"},
		"altered": {func(e []entry, m *manifest.Manifest) []entry {
			list(e, m)
			return replace(e, project, "Projekt", "projekt")
		}, false, "its SHA-256 is"},
		"counts":       {func(e []entry, m *manifest.Manifest) []entry { m.Projects[0].Counts.Tagged++; return e }, true, "the counts of project"},
		"entry's name": {func(e []entry, m *manifest.Manifest) []entry { m.Projects[0].Name = "other"; return e }, true, "what it says of project"},
		"token expiry": {func(e []entry, m *manifest.Manifest) []entry { m.Projects[0].Token.Expires = ""; return e }, true, "of the token"},
		"object list":  {func(e []entry, m *manifest.Manifest) []entry { m.Objects.Bytes++; return e }, true, "its object list"},
		"record's size": {func(e []entry, _ *manifest.Manifest) []entry {
			return replace(e, images, `,1000,"jpg"]`, `,1001,"jpg"]`)
		}, true, "its object list"},
		"record dropped": {func(e []entry, _ *manifest.Manifest) []entry {
			_, e[images].body, _ = bytes.Cut(e[images].body, []byte("\n"))
			return e
		}, true, "the counts of project"},
		"record twice": {func(e []entry, _ *manifest.Manifest) []entry {
			line, _, _ := bytes.Cut(e[images].body, []byte("\n"))
			e[images].body = slices.Concat(line, []byte("\n"), e[images].body)
			return e
		}, true, "line 2: image"},
		"bad record": {func(e []entry, _ *manifest.Manifest) []entry { return replace(e, images, `"id":"`, `"id":"x`) }, true, "not a UUID"},
		"no line end": {func(e []entry, _ *manifest.Manifest) []entry {
			e[images].body = e[images].body[:len(e[images].body)-1]
			return e
		}, true, "last line has no end"},
		"token state": {func(e []entry, _ *manifest.Manifest) []entry { return replace(e, export, `"stored"`, `"omitted"`) }, true, "tokenState"},
		"deep record": {func(e []entry, _ *manifest.Manifest) []entry {
			return replace(e, images, `{`, `{"x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`,`)
		}, true, "nested deeper"},
		"project listed": {func(e []entry, m *manifest.Manifest) []entry {
			m.Projects = append(m.Projects, m.Projects[0])
			return e
		}, true, "twice"},
		"project gone": {func(e []entry, m *manifest.Manifest) []entry { m.Projects[0].ID = uuid('p', 9); return e }, true, "does not list"},
		"10 GB member": {func(e []entry, m *manifest.Manifest) []entry { list(e, m); m.Members[images].Size = 10 << 30; return e }, false, "cannot be"},
		"swapped": {func(e []entry, m *manifest.Manifest) []entry {
			list(e, m)
			m.Members[2], m.Members[3] = m.Members[3], m.Members[2]
			return e
		}, false, "offset"},
	} {
		t.Run(name, func(t *testing.T) {
			file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 20, 3)
			members, m := unpack(t, file)
			members = test.alter(members, m)
			if test.relist {
				list(members, m)
			}
			file = pack(t, members, toJSON(t, m))
			got := ""
			r, err := archive.NewReader(bytes.NewReader(file), int64(len(file)))
			if err != nil {
				got = err.Error()
			} else {
				_, problems := verify(t, r)
				for _, p := range problems {
					got += p.Member + ": " + p.Reason + "\n"
				}
			}
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("want %q, got:\n%s", test.want, got)
			}
		})
	}
}

// A second manifest inside, and data behind the end of the tar, are found.
func TestTwoManifests(t *testing.T) {
	file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 3)
	members, m := unpack(t, file)
	list(members, m)
	inner := entry{tar.Header{Name: "manifest.json"}, toJSON(t, m)}
	for name, file := range map[string][]byte{
		"two": pack(t, append(members, inner), toJSON(t, m)),
		"behind the end": archive.Pack(tarOf(t, append(members, inner), true),
			tarOf(t, []entry{{tar.Header{Name: "manifest.json"}, toJSON(t, m)}}, true)),
	} {
		if _, problems := verify(t, open(t, file)); len(problems) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}

// Files that are something else, and files that lie about their sizes, are
// refused without memory being spent on them.
func TestRefused(t *testing.T) {
	le := binary.LittleEndian
	good, _ := write(t, archive.WriterOptions{TempDir: t.TempDir()}, 3)
	enc, _ := zstd.NewWriter(nil)
	frames := archive.Frames(open(t, good))
	table := int(frames[len(frames)-1].Offset) + frames[len(frames)-1].Packed
	edit := func(change func([]byte)) []byte {
		b := slices.Clone(good)
		change(b)
		return b
	}
	_, m := unpack(t, good)
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"text":              {[]byte("hello, this is no archive at all"), "not a cvarchive archive"},
		"zeros":             {make([]byte, 5000), "not a cvarchive archive"},
		"other zstd":        {enc.EncodeAll(bytes.Repeat([]byte("hello"), 1000), nil), "not a cvarchive archive"},
		"other seekable":    {archive.Pack([]byte("hello")), "not a cvarchive archive"},
		"manifest of other": {pack(t, nil, []byte(`{"format":"else"}`)), "not a cvarchive archive"},
		"frames in table":   {edit(func(b []byte) { le.PutUint32(b[len(b)-9:], 0xffffffff) }), "its index"},
		"frame of 4 GB":     {edit(func(b []byte) { le.PutUint32(b[table+8+4:], 0xffffffff) }), "its index is wrong"},
		"packed 4 GB":       {edit(func(b []byte) { le.PutUint32(b[table+8:], 0xffffffff) }), "its index is wrong"},
		"empty frame":       {edit(func(b []byte) { le.PutUint32(b[table+8+4:], 0) }), "its index is wrong"},
		"other size":        {edit(func(b []byte) { b[table+8+4]++ }), "the index says"},
		"something before":  {append([]byte{0x28, 0xb5, 0x2f, 0xfd}, good...), "its index is wrong"},
		"deep manifest":     {pack(t, nil, []byte(`{"format":"cvarchive","x":`+strings.Repeat("[", 1e6)+strings.Repeat("]", 1e6)+`}`)), "nested deeper"},
		"wide manifest":     {pack(t, nil, []byte(`{"format":"cvarchive","members":[`+strings.Repeat("{},", 1e6)+`{}]}`)), "list entries"},
		"newer": {pack(t, nil, []byte(`{"format":"cvarchive","formatVersion":"2.0","projects":{"changed":"shape"}}`)),
			"made by a newer cvarchive (format 2.0); this one reads format 1; update"},
		"no version":  {pack(t, nil, []byte(`{"format":"cvarchive","formatVersion":"one"}`)), "major.minor"},
		"not UTF-8":   {pack(t, nil, []byte("{\"format\":\"cvarchive\",\"formatVersion\":\"1.0\",\"id\":\"\xff\"}")), "UTF-8"},
		"no manifest": {archive.Pack(tarOf(t, []entry{{tar.Header{Name: "README"}, []byte("x")}}, true)), "not at the end"},
		"bad id":      {pack(t, nil, toJSON(t, map[string]any{"format": "cvarchive", "formatVersion": "1.0", "id": "x", "members": m.Members})), "id is"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := archive.NewReader(bytes.NewReader(test.file), int64(len(test.file)))
			if err == nil {
				_, problems := verify(t, r)
				err = fmt.Errorf("%v", problems)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q, got %v", test.want, err)
			}
		})
	}
}

// 512 MB of zeros in a few kilobytes cost a frame's memory, not their size.
func TestRatioBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("decompresses 512 MB")
	}
	zeros := make([]byte, 16<<20)
	frames := make([][]byte, 32)
	for i := range frames {
		frames[i] = zeros
	}
	file := archive.Pack(frames...)
	if len(file) > 1<<20 {
		t.Fatalf("no bomb: %d bytes", len(file))
	}
	peak := peakHeap(t, func() {
		if _, err := archive.NewReader(bytes.NewReader(file), int64(len(file))); !errors.Is(err, archive.ErrNotArchive) {
			t.Errorf("opened with %v", err)
		}
	})
	if peak > 64<<20 {
		t.Errorf("took %d MiB", peak>>20)
	}
}
