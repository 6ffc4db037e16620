package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
)

func object(data []byte) manifest.Object {
	return manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: "jpg"}
}

func TestInitAndOpen(t *testing.T) {
	ctx := t.Context()
	s := vaulttest.NewMemory()
	_, err := vault.Open(ctx, s)
	notVault, ok := errors.AsType[*vault.NotVaultError](err)
	if !ok || !strings.Contains(notVault.Error(), "memory is not a vault: it has no cvarchive.json; check the vault's address, or make one there with `cvarchive init`") {
		t.Fatalf("open an empty store: %v", err)
	}
	made, err := vault.Init(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := vault.Open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	again, err := vault.Init(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []*vault.Vault{opened, again} {
		if v.ID() != made.ID() || !v.Created().Equal(made.Created()) || len(v.ID()) != 32 {
			t.Errorf("made %s of %s, opened %s of %s", made.ID(), made.Created(), v.ID(), v.Created())
		}
	}

	foreign := vaulttest.NewMemory()
	foreign.Put("photos/1.jpg", []byte("x"))
	if _, err := vault.Init(ctx, foreign); err == nil || !strings.Contains(err.Error(), "photos/1.jpg") {
		t.Errorf("init where something else is: %v", err)
	}
	if diff := cmp.Diff([]string{"photos/1.jpg"}, foreign.Names()); diff != "" {
		t.Error(diff)
	}
}

func TestMarkerIsStrict(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	good := `{"format":"cvarchive-vault","formatVersion":1,"id":"` + id + `","created":"2026-01-02T03:04:05Z"}`
	for name, c := range map[string]struct{ marker, want string }{
		"good":           {good, ""},
		"newer":          {`{"format":"cvarchive-vault","formatVersion":3,"id":7,"shards":[]}`, "has format version 3 and this cvarchive knows versions up to 2; use a newer cvarchive"},
		"new feature":    {`{"format":"cvarchive-vault","formatVersion":2,"id":7,"requires":[{"feature":"shards","since":"4.1.0"}]}`, `needs "shards", which this cvarchive does not know; use cvarchive "4.1.0" or newer`},
		"half encrypted": {strings.Replace(good, `"formatVersion":1`, `"formatVersion":2,"requires":[{"feature":"encryption","since":"1.0.0"}]`, 1), "does not agree with itself"},
		"other format":   {`{"format":"restic"}`, `says format "restic"`},
		"no version":     {`{"format":"cvarchive-vault"}`, "version 0"},
		"not json":       {"hello", "is not the marker of a vault"},
		"empty":          {"", "is not the marker of a vault"},
		"truncated":      {good[:40], "is not the marker of a vault"},
		"unknown field":  {strings.Replace(good, `"id"`, `"x":1,"id"`, 1), "is damaged"},
		"trailing":       {good + "{}", "is not the marker of a vault"},
		"bad id":         {strings.Replace(good, "0123", "../.", 1), "is damaged"},
		"no time":        {`{"format":"cvarchive-vault","formatVersion":1,"id":"` + id + `"}`, "is damaged"},
		"too large":      {good + strings.Repeat(" ", 64<<10), "is larger than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			s := vaulttest.NewMemory()
			s.Put(vault.MarkerName, []byte(c.marker))
			for _, open := range []func(context.Context, vault.Store) (*vault.Vault, error){vault.Open, vault.Init} {
				_, err := open(t.Context(), s)
				if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
			}
			if got := string(s.Bytes(vault.MarkerName)); got != c.marker {
				t.Errorf("the marker became %q", got)
			}
		})
	}
}

func TestObjects(t *testing.T) {
	ctx := t.Context()
	s := vaulttest.NewMemory()
	v := vaulttest.Init(t, s)
	for _, data := range [][]byte{{}, []byte("picture")} {
		o := object(data)
		if has, err := v.HasObject(ctx, o); has || err != nil {
			t.Fatalf("before: %t, %v", has, err)
		}
		for _, want := range []bool{false, true} {
			body := bytes.NewReader(data)
			_, _ = body.Seek(0, io.SeekEnd)
			if existed, err := v.PutObject(ctx, o, body); existed != want || err != nil {
				t.Fatalf("put: %t, %v", existed, err)
			}
		}
		if has, err := v.HasObject(ctx, o); !has || err != nil {
			t.Fatalf("after: %t, %v", has, err)
		}
		r, err := v.OpenObject(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, data); err != nil {
			t.Error(err)
		}
		alsoWhole(t, v, o, nil)
	}
	want := "objects/sha256/e3/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.jpg"
	if got := v.ObjectName(object(nil)); got != want || s.Bytes(want) == nil && len(s.Names()) != 3 {
		t.Errorf("named %s, stored %v", got, s.Names())
	}
}

func TestPutObjectRefuses(t *testing.T) {
	ctx := t.Context()
	s := vaulttest.NewMemory()
	v := vaulttest.Init(t, s)
	data := []byte("picture")
	good := object(data)
	change := func(f func(*manifest.Object)) manifest.Object { o := good; f(&o); return o }
	for name, c := range map[string]struct {
		object manifest.Object
		body   string
		want   string
	}{
		"other bytes":    {good, "Picture", "what was given has another digest"},
		"longer":         {good, "pictures", "is not 7 bytes long"},
		"shorter":        {good, "pict", "is not 7 bytes long"},
		"no digest":      {change(func(o *manifest.Object) { o.SHA256 = manifest.Digest{} }), "picture", "has no digest"},
		"negative size":  {change(func(o *manifest.Object) { o.Size = -1 }), "picture", "cannot have the size -1"},
		"path extension": {change(func(o *manifest.Object) { o.Ext = "../x" }), "picture", `cannot have the extension "../x"`},
		"no extension":   {change(func(o *manifest.Object) { o.Ext = "" }), "picture", `cannot have the extension ""`},
	} {
		_, err := v.PutObject(ctx, c.object, strings.NewReader(c.body))
		if _, ok := errors.AsType[*vault.ObjectError](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff([]string{vault.MarkerName}, s.Names()); diff != "" {
		t.Errorf("refused, yet stored: %s", diff)
	}

	s.Put(v.ObjectName(good), []byte("pic"))
	if _, err := v.PutObject(ctx, good, bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), "is damaged: it has 3 bytes in memory instead of 7") {
		t.Errorf("put over a damaged object: %v", err)
	}
	if _, err := v.HasObject(ctx, good); err == nil {
		t.Error("a damaged object counts as present")
	}
}

func TestPutObjectFaults(t *testing.T) {
	ctx := t.Context()
	memory := vaulttest.NewMemory()
	full := vaulttest.NoSpace(memory, vaulttest.When{Prefix: "objects/", Nth: 1})
	vaulttest.MustHit(t, full)
	v := vaulttest.Init(t, full)
	o := object([]byte("picture"))
	if _, err := v.PutObject(ctx, o, strings.NewReader("picture")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full store: %v", err)
	}
	if existed, err := v.PutObject(ctx, o, strings.NewReader("picture")); existed || err != nil {
		t.Errorf("again: %t, %v", existed, err)
	}
}

func TestOpenObjectVerifies(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 1000)
	o := object(data)
	for name, c := range map[string]struct {
		fault func(vault.Store) vaulttest.Fault
		want  string
		is    error
	}{
		"first byte": {func(s vault.Store) vaulttest.Fault {
			return vaulttest.FlipByte(s, vaulttest.When{Prefix: "objects/"}, 0)
		}, "is damaged: its bytes have another digest", nil},
		"last byte": {func(s vault.Store) vaulttest.Fault {
			return vaulttest.FlipByte(s, vaulttest.When{Prefix: "objects/"}, 9999)
		}, "is damaged: its bytes have another digest", nil},
		"truncated": {func(s vault.Store) vaulttest.Fault {
			return vaulttest.Truncate(s, vaulttest.When{Prefix: "objects/"}, 9990)
		}, "is damaged: it ends 10 bytes early", io.ErrUnexpectedEOF},
		"empty": {func(s vault.Store) vaulttest.Fault {
			return vaulttest.Truncate(s, vaulttest.When{Prefix: "objects/"}, 0)
		}, "it ends 10000 bytes early", io.ErrUnexpectedEOF},
		"vanished": {func(s vault.Store) vaulttest.Fault { return vaulttest.Vanish(s, vaulttest.When{Prefix: "objects/"}) }, "is missing from memory", fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			memory := vaulttest.NewMemory()
			if _, err := vaulttest.Init(t, memory).PutObject(t.Context(), o, bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			fault := c.fault(memory)
			vaulttest.MustHit(t, fault)
			v := vaulttest.Init(t, fault)
			got, err := readObject(t, v, o)
			alsoWhole(t, v, o, err)
			oe, ok := errors.AsType[*vault.ObjectError](err)
			if !ok || !strings.Contains(oe.Error(), c.want) || oe.Object != o || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("after %d bytes: %v", len(got), err)
			}
		})
	}
	t.Run("longer", func(t *testing.T) {
		memory := vaulttest.NewMemory()
		v := vaulttest.Init(t, memory)
		memory.Put(v.ObjectName(o), append(bytes.Clone(data), '!'))
		got, err := readObject(t, v, o)
		alsoWhole(t, v, o, err)
		if err == nil || !strings.Contains(err.Error(), "longer than recorded") || len(got) > len(data) {
			t.Errorf("after %d bytes: %v", len(got), err)
		}
	})
}

func readObject(t *testing.T, v *vault.Vault, o manifest.Object) ([]byte, error) {
	t.Helper()
	r, err := v.OpenObject(t.Context(), o)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// alsoWhole checks that an object that is read whole, or through a buffer that
// it does not fit into, is found to be as it is when it is read bit by bit.
func alsoWhole(t *testing.T, v *vault.Vault, o manifest.Object, want error) {
	t.Helper()
	for _, room := range []int64{o.Size + 1, max(o.Size, 1), 1} {
		got := v.ReadObjects(t.Context(), []manifest.Object{o, o}, make([]byte, room))
		for _, err := range got {
			if fmt.Sprint(err) != fmt.Sprint(want) || errors.Is(err, fs.ErrNotExist) != errors.Is(want, fs.ErrNotExist) {
				t.Errorf("through %d bytes: %v, want %v", room, err, want)
			}
		}
		if len(got) != 2 {
			t.Errorf("through %d bytes: told of %d objects, want 2", room, len(got))
		}
	}
}

// A connection that breaks is no end of an object, and what is behind it is not
// tried.
func TestReadObjectsEndsWithTheStore(t *testing.T) {
	memory := vaulttest.NewMemory()
	v := vaulttest.Init(t, memory)
	data := []byte("whole")
	if _, err := v.PutObject(t.Context(), object(data), bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	broken := vaulttest.Init(t, breaking{memory})
	lost := object([]byte("lost"))
	for _, room := range []int{100, 5} {
		got := broken.ReadObjects(t.Context(), []manifest.Object{lost, object(data), lost}, make([]byte, room))
		if len(got) != 2 || !errors.Is(got[0], fs.ErrNotExist) || !strings.Contains(got[1].Error(), "read object "+object(data).SHA256.String()+": unexpected EOF") {
			t.Errorf("through %d bytes: %v", room, got)
		}
	}
}

// breaking ends each object in the middle, as a connection does.
type breaking struct{ vault.Store }

func (s breaking) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := s.Store.Open(ctx, name, offset, length)
	if err != nil || !strings.HasPrefix(name, "objects/") {
		return r, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, 2), iotest.ErrReader(io.ErrUnexpectedEOF)), r}, nil
}

func TestCommitAndList(t *testing.T) {
	ctx := t.Context()
	s := vaulttest.NewMemory()
	v := vaulttest.Init(t, s)
	at := time.Date(2026, 3, 4, 5, 6, 7, 999, time.FixedZone("CET", 3600))
	a, err := v.CommitArchive(ctx, "prod-weu", at, "00c0ffee", strings.NewReader("archive"))
	if err != nil {
		t.Fatal(err)
	}
	want := vault.Archive{
		Name: "prod-weu/20260304T040607Z-00c0ffee", Source: "prod-weu", Created: time.Date(2026, 3, 4, 4, 6, 7, 0, time.UTC),
		ID: "00c0ffee", Size: 7, Path: "archives/prod-weu/20260304T040607Z-00c0ffee.tar.zst",
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
	if _, err := v.CommitArchive(ctx, "prod-weu", at, "00c0ffee", strings.NewReader("other")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the same name again: %v", err)
	}
	older, err := v.CommitArchive(ctx, "zz", at.Add(-time.Hour), "00000001", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	strays := []string{"archives/README", "archives/prod-weu/notes.txt", "archives/prod-weu/20261304T040607Z-00c0ffee.tar.zst", "archives/prod-weu/deep/20260304T040607Z-00c0ffee.tar.zst", "archives/UPPER/20260304T040607Z-00c0ffee.tar.zst", "archives/20260304T040607Z-00c0ffee.tar.zst"}
	for _, name := range append(strays, "elsewhere") {
		s.Put(name, []byte("x"))
	}
	archives, err := v.Archives(ctx)
	if diff := cmp.Diff([]vault.Archive{older, a}, archives); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	infos, err := v.Strays(ctx)
	var names []string
	for _, info := range infos {
		names = append(names, info.Name)
	}
	if diff := cmp.Diff(strays, names, cmp.Transformer("sorted", sorted)); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}

	for _, bad := range []struct {
		source, id string
		at         time.Time
	}{
		{"../x", "00c0ffee", at}, {"", "00c0ffee", at}, {"-x", "00c0ffee", at}, {"Prod", "00c0ffee", at}, {"a/b", "00c0ffee", at},
		{strings.Repeat("a", 64), "00c0ffee", at}, {"dot.", "00c0ffee", at},
		{"ok", "00C0FFEE", at}, {"ok", "c0ffee", at}, {"ok", "", at}, {"ok", "00c0ffee", time.Time{}},
	} {
		if a, err := v.CommitArchive(ctx, bad.source, bad.at, bad.id, strings.NewReader("x")); err == nil {
			t.Errorf("committed %s", a.Path)
		}
	}
}

func sorted(names []string) map[string]bool {
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	return set
}

func TestResolve(t *testing.T) {
	ctx := t.Context()
	v := vaulttest.New(t)
	_, err := v.Resolve(ctx, "latest")
	if re, ok := errors.AsType[*vault.RefError](err); !ok || !re.Empty || !strings.Contains(err.Error(), "make one with `cvarchive backup`") {
		t.Errorf("in an empty vault: %v", err)
	}
	for _, a := range []struct{ source, day, id string }{
		{"dr", "01", "aaaa1111"}, {"prod", "02", "aaaa2222"}, {"prod", "03", "bbbb3333"}, {"prod-2", "02", "cccc4444"}, {"latest", "01", "dddd5555"},
	} {
		at, _ := time.Parse("2006-01-02", "2026-01-"+a.day)
		if _, err := v.CommitArchive(ctx, a.source, at, a.id, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	for ref, want := range map[string]string{
		"latest":                         "prod/20260103T000000Z-bbbb3333",
		"dr/latest":                      "dr/20260101T000000Z-aaaa1111",
		"prod/latest":                    "prod/20260103T000000Z-bbbb3333",
		"latest/latest":                  "latest/20260101T000000Z-dddd5555",
		"prod/20260102T000000Z-aaaa2222": "prod/20260102T000000Z-aaaa2222",
		"prod/20260102":                  "prod/20260102T000000Z-aaaa2222",
		"prod-2":                         "prod-2/20260102T000000Z-cccc4444",
		"20260103":                       "prod/20260103T000000Z-bbbb3333",
		"20260103T000000Z-bb":            "prod/20260103T000000Z-bbbb3333",
		"aaaa2":                          "prod/20260102T000000Z-aaaa2222",
		"c":                              "prod-2/20260102T000000Z-cccc4444",
		"archives/dr/20260101T000000Z-aaaa1111.tar.zst": "dr/20260101T000000Z-aaaa1111",
	} {
		a, err := v.Resolve(ctx, ref)
		if err != nil || a.Name != want {
			t.Errorf("%s: %s, %v", ref, a.Name, err)
		}
	}
	for ref, want := range map[string]string{
		"aaaa":        `"aaaa" could be 2 archives: prod/20260102T000000Z-aaaa2222, dr/20260101T000000Z-aaaa1111; give more of the name`,
		"prod":        `"prod" could be 3 archives: prod/20260103T000000Z-bbbb3333, prod/20260102T000000Z-aaaa2222, prod-2/20260102T000000Z-cccc4444; give more of the name`,
		"nope":        "no archive in memory is called \"nope\"; `cvarchive list` shows their names",
		"nope/latest": "no archive in memory is called \"nope/latest\"; `cvarchive list` shows their names",
		"":            "no archive in memory is called \"\"; `cvarchive list` shows their names",
		"../x":        "no archive in memory is called \"../x\"; `cvarchive list` shows their names",
	} {
		_, err := v.Resolve(ctx, ref)
		if _, ok := errors.AsType[*vault.RefError](err); !ok || err.Error() != want {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// An archive whose capture lost too much is never the latest, and can be named.
func TestIncompleteArchives(t *testing.T) {
	ctx := t.Context()
	v := vaulttest.New(t)
	at := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	bad, err := v.CommitIncomplete(ctx, "prod", at, "bbbb3333", strings.NewReader("x"))
	if err != nil || bad.Path != "archives/prod/20260102T000000Z-bbbb3333.incomplete.tar.zst" || bad.Name != "prod/20260102T000000Z-bbbb3333" {
		t.Fatalf("%+v, %v", bad, err)
	}
	for _, ref := range []string{"latest", "prod/latest"} {
		_, err := v.Resolve(ctx, ref)
		if re, ok := errors.AsType[*vault.RefError](err); !ok || !re.Incomplete || !strings.Contains(err.Error(), "lost more") {
			t.Errorf("%s: %v", ref, err)
		}
	}
	good, err := v.CommitArchive(ctx, "prod", at.Add(-time.Hour), "aaaa2222", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]vault.Archive{
		"latest": good, "prod/latest": good, bad.Name: bad, "bbbb": bad, bad.Path: bad, good.Path: good,
	} {
		if a, err := v.Resolve(ctx, ref); err != nil || a != want {
			t.Errorf("%s: %+v, %v", ref, a, err)
		}
	}
	all, err := v.Archives(ctx)
	if diff := cmp.Diff([]vault.Archive{good, bad}, all); diff != "" || err != nil {
		t.Errorf("archives (-want +got)\n%s%v", diff, err)
	}
}

// Of two that make a vault of one place, both get the vault that one of them
// made, at whatever moment the other looks.
func TestInitAtTheSameTime(t *testing.T) {
	s := vaulttest.NewMemory()
	late := vaulttest.Gate(s, vaulttest.When{Prefix: vault.MarkerName, Nth: 1}, func(context.Context, string) error {
		return fs.ErrNotExist // when it looked
	})
	vaulttest.MustHit(t, late)
	other, err := vault.Init(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := vault.Init(t.Context(), late); err != nil || v.ID() != other.ID() {
		t.Errorf("the second got %v", err)
	}
}

// openArchive stores data as an archive and opens it through a counter.
func openArchive(t testing.TB, data []byte) (*vault.ArchiveFile, *vaulttest.Counter) {
	t.Helper()
	counter := vaulttest.Count(vaulttest.NewMemory())
	v := vaulttest.Init(t, counter)
	a, err := v.CommitArchive(t.Context(), "prod", time.Now(), "00c0ffee", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	f, err := v.OpenArchive(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	counter.Opens.Store(0)
	return f, counter
}

func randomData(n int) []byte {
	data := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{7})
	_, _ = rng.Read(data)
	return data
}

func TestArchiveFileReadsRight(t *testing.T) {
	for _, size := range []int{0, 1, 256 << 10, 256<<10 + 1, 600<<10 + 17} {
		data := randomData(size)
		f, _ := openArchive(t, data)
		if f.Size() != int64(size) {
			t.Errorf("size %d, not %d", f.Size(), size)
		}
		if err := iotest.TestReader(io.NewSectionReader(f, 0, f.Size()), data); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		for range 50 {
			off := rand.Int64N(int64(size) + 10)
			p := make([]byte, rand.IntN(1<<20))
			n, err := f.ReadAt(p, off)
			want := data[min(off, int64(size)):min(off+int64(len(p)), int64(size))]
			if !bytes.Equal(p[:n], want) || (err == io.EOF) != (n < len(p)) || err != nil && err != io.EOF {
				t.Fatalf("%d bytes, at %d, length %d: %d, %v", size, off, len(p), n, err)
			}
		}
	}
}

// What an archive's reader does, in requests: the tail and what lies in it
// cost one, a project in the middle a few, a whole pass about one per 4 MiB.
func TestArchiveFileRequests(t *testing.T) {
	const size = 64 << 20
	f, counter := openArchive(t, randomData(size))
	requests := func() int64 { return counter.Opens.Swap(0) }
	readAt := func(off, n int64) {
		t.Helper()
		if _, err := f.ReadAt(make([]byte, n), off); err != nil {
			t.Fatal(err)
		}
	}
	readAt(size-256<<10, 256<<10)
	readAt(size-9, 9)
	readAt(size-100<<10, 50<<10)
	if n := requests(); n != 1 {
		t.Errorf("the tail costs %d requests", n)
	}
	for off := int64(10 << 20); off < 14<<20; off += 32 << 10 { // frames, in small reads
		readAt(off, 32<<10)
	}
	if n := requests(); n > 6 {
		t.Errorf("4 MiB in a row cost %d requests", n)
	}
	for off := int64(0); off < size; off += 32 << 10 {
		readAt(off, 32<<10)
	}
	if n, b := requests(), counter.BytesRead.Load(); n > 22 || b > size*5/4 {
		t.Errorf("a whole pass costs %d requests and %d MiB", n, b>>20)
	}
	readAt(1<<20, 8<<20)
	if n := requests(); n != 2 {
		t.Errorf("one read of 8 MiB costs %d requests", n)
	}
}

func TestArchiveFileErrors(t *testing.T) {
	memory := vaulttest.NewMemory()
	v := vaulttest.Init(t, memory)
	a, err := v.CommitArchive(t.Context(), "prod", time.Now(), "00c0ffee", bytes.NewReader(make([]byte, 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	cut := vaulttest.Truncate(memory, vaulttest.When{Prefix: "archives/"}, 600<<10)
	vaulttest.MustHit(t, cut)
	f, err := vaulttest.Init(t, cut).OpenArchive(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(make([]byte, 1<<20), 0); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "prod/") {
		t.Errorf("a truncated archive: %v", err)
	}
	if _, err := f.ReadAt(make([]byte, 10), -1); err == nil {
		t.Error("a negative offset is accepted")
	}
	whole, err := v.OpenArchive(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	whole.Close()
	if _, err := whole.ReadAt(make([]byte, 10), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("after Close: %v", err)
	}
	a.Name = strings.Replace(a.Name, "prod", "gone", 1)
	if _, err := v.OpenArchive(t.Context(), a); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "`cvarchive list` shows what is") {
		t.Errorf("a missing archive: %v", err)
	}
}

// An archive that was listed is opened without another look, and one that went
// meanwhile shows with the first read.
func TestListedArchive(t *testing.T) {
	counter := vaulttest.Count(vaulttest.NewMemory())
	v := vaulttest.Init(t, counter)
	if _, err := v.CommitArchive(t.Context(), "prod", time.Now(), "00c0ffee", bytes.NewReader(make([]byte, 1000))); err != nil {
		t.Fatal(err)
	}
	list, err := v.Archives(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	f, err := v.OpenArchive(t.Context(), list[0])
	if err != nil || f.Size() != 1000 || counter.Stats.Load() != 0 {
		t.Fatalf("opened with %d bytes and %d looks: %v", f.Size(), counter.Stats.Load(), err)
	}
	if err := counter.Delete(t.Context(), list[0].Path); err != nil {
		t.Fatal(err)
	}
	_, err = archive.NewReader(f, f.Size())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "`cvarchive list` shows what is") {
		t.Errorf("a listed archive that is gone: %v", err)
	}
}

// BenchmarkPutObject against a loop that does the same without a vault's
// care: hash, write, sync.
func BenchmarkPutObject(b *testing.B) {
	data := randomData(512 << 10)
	next := func(i int) manifest.Object {
		copy(data, []byte{byte(i), byte(i >> 8), byte(i >> 16)})
		return object(data)
	}
	b.Run("vault", func(b *testing.B) {
		s, err := dirstore.New(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		v := vaulttest.Init(b, s)
		b.SetBytes(int64(len(data)))
		for i := 0; b.Loop(); i++ {
			if _, err := v.PutObject(b.Context(), next(i), bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		dir := b.TempDir()
		b.SetBytes(int64(len(data)))
		for i := 0; b.Loop(); i++ {
			if err := bareWrite(filepath.Join(dir, next(i).SHA256.String()), data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func bareWrite(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
