package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"cvarchive/archive"
	"cvarchive/archive/archivetest"
	"cvarchive/archive/seal"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/manifest/testenv"
)

// holder is somebody with a private key.
type holder struct {
	public string
	ids    seal.Identities
}

func newHolder(t *testing.T) holder {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities("key", []byte(k.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return holder{k.Recipient().String(), ids}
}

func writeIndex(ctx context.Context, ra io.ReaderAt, size int64, w io.Writer) error {
	return archive.WriteIndex(ctx, ra, size, w, "")
}

// keysFor are the keys of a new vault, without an identity.
func keysFor(t *testing.T, to ...holder) vault.Keys {
	t.Helper()
	var texts []string
	for _, h := range to {
		texts = append(texts, h.public)
	}
	r, err := seal.ParseRecipients(texts)
	if err != nil {
		t.Fatal(err)
	}
	naming, err := seal.NewKey(r.PostQuantum())
	if err != nil {
		t.Fatal(err)
	}
	return vault.Keys{Recipients: r, Naming: naming, Index: writeIndex}
}

func open(t *testing.T, s vault.Store, k vault.Keys) *vault.Vault {
	t.Helper()
	v, err := vault.InitWith(t.Context(), s, k)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// reading are the keys of somebody who has nothing but an identity.
func reading(h holder) vault.Keys { return vault.Keys{Identities: h.ids, Index: writeIndex} }

func sample() archivetest.Archive {
	return archivetest.Archive{
		Source: "west", Created: time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC), ID: "0123abcd",
		Projects: [][]string{{"model", "one", "two"}, {"model", "three"}},
	}
}

// TestEncryptedVault has a host without an identity write, look up and list,
// and each of two holders read.
func TestEncryptedVault(t *testing.T) {
	ctx, s := t.Context(), vaulttest.NewMemory()
	ann, bob := newHolder(t), newHolder(t)
	host := open(t, s, keysFor(t, ann, bob))
	a := archivetest.Commit(t, host, sample())

	for _, name := range s.Names() {
		if name == vault.MarkerName {
			continue
		}
		for _, clear := range [][]byte{[]byte("GIF89a"), []byte("project 0"), []byte("aaaaaaaa-0000"), {0x28, 0xb5, 0x2f, 0xfd}} {
			if bytes.Contains(s.Bytes(name), clear) {
				t.Errorf("%s holds %q in the clear", name, clear)
			}
		}
		digest := archivetest.Object("one").SHA256.String()
		if strings.Contains(name, digest) || strings.Contains(name, "gif") || !strings.HasSuffix(name, ".age") {
			t.Errorf("the name %s tells of what it holds", name)
		}
	}
	o := archivetest.Object("one")
	if has, err := host.HasObject(ctx, o); !has || err != nil {
		t.Errorf("without an identity: has %v, %v", has, err)
	}
	if existed, err := host.PutObject(ctx, o, bytes.NewReader(archivetest.Data("one"))); !existed || err != nil {
		t.Errorf("stored twice: %v, %v", existed, err)
	}
	if has, err := host.HasObject(ctx, archivetest.Object("other")); has || err != nil {
		t.Errorf("what is not there: has %v, %v", has, err)
	}
	var listed []manifest.Digest
	for so, err := range host.ListObjects(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, so.SHA256)
	}
	if len(listed) != 4 || !slices.Contains(listed, host.Stored(o).SHA256) {
		t.Errorf("%d objects are listed", len(listed))
	}
	for _, read := range []func() error{
		func() error { _, err := host.OpenArchive(ctx, a); return err },
		func() error { _, err := host.OpenObject(ctx, o); return err },
	} {
		if _, ok := errors.AsType[*vault.KeyError](read()); !ok {
			t.Errorf("read without an identity: %v", read())
		}
	}
	for _, h := range []holder{ann, bob} {
		v := open(t, s, reading(h))
		if err := archivetest.Sound(ctx, v); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(readAll(t, v, a), archivetest.Write(t, sample())) {
			t.Error("the archive is not what was committed")
		}
		if v.NamingKey().Text() != host.NamingKey().Text() {
			t.Error("the identity gives another naming key")
		}
	}
	if _, err := host.ObjectURL(ctx, o, time.Hour); !errors.Is(err, vault.ErrEncrypted) {
		t.Errorf("a link: %v", err)
	}
}

func readAll(t *testing.T, v *vault.Vault, a vault.Archive) []byte {
	t.Helper()
	f, err := v.OpenArchive(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestIndex: what a host may know is there, and nothing else.
func TestIndex(t *testing.T) {
	ctx, s := t.Context(), vaulttest.NewMemory()
	v := open(t, s, keysFor(t, newHolder(t)))
	a := archivetest.Commit(t, v, sample())
	f, err := v.OpenIndex(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := archive.NewReader(f, f.Size())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Verify(ctx, func(p archive.Problem) { t.Errorf("the index: %v", p) }); err != nil {
		t.Fatal(err)
	}
	plain := archivetest.Write(t, sample())
	want, err := archive.NewReader(bytes.NewReader(plain), int64(len(plain)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Manifest().Objects != want.Manifest().Objects || r.Manifest().ID != a.ID {
		t.Errorf("objects %+v, want %+v", r.Manifest().Objects, want.Manifest().Objects)
	}
	for _, e := range r.Manifest().Projects {
		p, err := r.Project(ctx, e.ID)
		if err != nil || e.Name != e.ID || p.Project.Name != e.ID || len(p.Tags) > 0 || !p.Export.Token.IsZero() {
			t.Errorf("%v: %+v, %+v", err, e, p)
		}
	}
	digest, err := v.Digest(ctx, a)
	if err != nil || digest != archivetest.DigestOf(plain) {
		t.Errorf("digest %s, %v", digest, err)
	}
	if err := s.Delete(ctx, nameLike(t, s, "index/")); err != nil {
		t.Fatal(err)
	}
	if _, err := v.OpenIndex(ctx, a); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "has no index") {
		t.Errorf("without an index: %v", err)
	}
}

func nameLike(t *testing.T, s *vaulttest.Memory, prefix string) string {
	t.Helper()
	for _, name := range s.Names() {
		if strings.HasPrefix(name, prefix) {
			return name
		}
	}
	t.Fatalf("nothing is below %s", prefix)
	return ""
}

// TestTampered alters what is stored in every way that somebody with access
// to the store could, and wants it seen, as damage and not as the store's
// failure.
func TestTampered(t *testing.T) {
	ann := newHolder(t)
	swap := func(s *vaulttest.Memory, a, b string) {
		x, y := bytes.Clone(s.Bytes(a)), bytes.Clone(s.Bytes(b))
		s.Put(a, y)
		s.Put(b, x)
	}
	one := archivetest.Object("one")
	for name, tt := range map[string]struct {
		alter func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive)
		// seen without an identity, and with it
		host, object, reader bool
	}{
		"object, a bit": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			flip(s, v.ObjectName(one), -1)
		}, false, true, false},
		"object, its header": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			flip(s, v.ObjectName(one), 60)
		}, false, true, false},
		"object, cut": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			s.Put(v.ObjectName(one), s.Bytes(v.ObjectName(one))[:100])
		}, false, true, false},
		"objects, swapped": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			swap(s, v.ObjectName(one), v.ObjectName(archivetest.Object("two")))
		}, false, true, false},
		"object, forged": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			s.Put(v.ObjectName(one), sealed(t, "GIF89a eno", ann.public))
		}, false, true, false},
		"object, to somebody else": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			s.Put(v.ObjectName(one), sealed(t, "GIF89a one", newHolder(t).public))
		}, false, true, false},
		"archive, a bit": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			flip(s, a.Path, -1)
		}, true, false, true},
		"archive, its header": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			flip(s, a.Path, 60)
		}, true, false, true},
		"archive, cut": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			s.Put(a.Path, s.Bytes(a.Path)[:len(s.Bytes(a.Path))-1])
		}, true, false, true},
		"archive, empty": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			s.Put(a.Path, nil)
		}, true, false, true},
		"archive, of somebody else": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			s.Put(a.Path, sealed(t, strings.Repeat("x", 5000), newHolder(t).public))
		}, true, false, true},
		"archive, forged": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			s.Put(a.Path, sealed(t, string(archivetest.Write(t, sample())), ann.public))
		}, true, false, false}, // verify compares it with the index
		"index, a bit": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			flip(s, nameLike(t, s, "index/"), -1)
		}, true, false, false},
		"index, forged": {func(t *testing.T, s *vaulttest.Memory, v *vault.Vault, a vault.Archive) {
			s.Put(nameLike(t, s, "index/"), sealed(t, "{}\n", ann.public))
		}, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, s := t.Context(), vaulttest.NewMemory()
			host := open(t, s, keysFor(t, ann))
			a := archivetest.Commit(t, host, sample())
			tt.alter(t, s, host, a)
			v := open(t, s, reading(ann))
			check := func(what string, err error, want bool) {
				t.Helper()
				_, isArchive := errors.AsType[*vault.ArchiveError](err)
				_, isObject := errors.AsType[*vault.ObjectError](err)
				if (err != nil) != want || want && !isArchive && !isObject {
					t.Errorf("%s: %v, want an error %v", what, err, want)
				}
			}
			_, err := host.Digest(ctx, a)
			check("the digest without an identity", err, tt.host)
			r, err := v.OpenObject(ctx, one)
			if err == nil {
				_, err = io.Copy(io.Discard, r)
				r.Close()
			}
			check("the object", err, tt.object)
			f, err := v.OpenArchive(ctx, a)
			if err == nil {
				_, err = io.Copy(io.Discard, io.NewSectionReader(f, 0, f.Size()))
				f.Close()
			}
			check("the archive", err, tt.reader)
		})
	}
}

// flip changes a byte; at counts from the end when it is negative.
func flip(s *vaulttest.Memory, name string, at int) {
	data := bytes.Clone(s.Bytes(name))
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 1
	s.Put(name, data)
}

func sealed(t *testing.T, text, to string) []byte {
	t.Helper()
	r, err := seal.ParseRecipients([]string{to})
	var b bytes.Buffer
	if err == nil {
		var w io.WriteCloser
		if w, err = r.Encrypt(&b); err == nil {
			_, err = io.WriteString(w, text)
			err = errors.Join(err, w.Close())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestMarkerAltered: nobody who can write to the store, and has no key,
// becomes a reader of what is stored from then on.
func TestMarkerAltered(t *testing.T) {
	ctx, s := t.Context(), vaulttest.NewMemory()
	ann, eve := newHolder(t), newHolder(t)
	keys := keysFor(t, ann)
	open(t, s, keys)
	good := s.Bytes(vault.MarkerName)
	named := vault.Keys{Naming: keys.Naming}
	other := keysFor(t, eve)
	for name, tt := range map[string]struct {
		marker string
		keys   vault.Keys
		want   string
	}{
		"as it was":          {string(good), named, ""},
		"another recipient":  {strings.Replace(string(good), ann.public, eve.public, 1), named, "its marker was altered"},
		"one more":           {strings.Replace(string(good), `"`+ann.public+`"`, `"`+ann.public+`", "`+eve.public+`"`, 1), named, "its marker was altered"},
		"one more, for ann":  {strings.Replace(string(good), `"`+ann.public+`"`, `"`+ann.public+`", "`+eve.public+`"`, 1), vault.Keys{Identities: ann.ids}, "a marker that was altered"},
		"no MAC":             {strings.Replace(string(good), `"mac": "`, `"mac": "0`, 1), named, "its marker was altered"},
		"another naming key": {string(good), vault.Keys{Naming: other.Naming}, "another naming key"},
		"nothing at all":     {string(good), vault.Keys{}, "is encrypted; give its naming key"},
		"the wrong identity": {string(good), vault.Keys{Identities: eve.ids}, "to other keys than the identities"},
		"another encrypt_to": {string(good), vault.Keys{Recipients: other.Recipients, Naming: keys.Naming}, "recipients are fixed"},
		"no recipients":      {strings.Replace(string(good), ann.public, "", 1), named, "its recipients cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			s.Put(vault.MarkerName, []byte(tt.marker))
			_, err := vault.OpenWith(ctx, s, tt.keys)
			_, ok := errors.AsType[*vault.KeyError](err)
			if (tt.want == "") != (err == nil) || err != nil && (!ok || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if text := fmt.Sprint(err); strings.Contains(text, "SECRET") || strings.Contains(text, "BEGIN") {
				t.Errorf("it tells too much: %s", text)
			}
		})
	}
}

// TestEncryptedNotes: journals and notes are read back, and are not in the
// clear.
func TestEncryptedNotes(t *testing.T) {
	ctx, s := t.Context(), vaulttest.NewMemory()
	keys := keysFor(t, newHolder(t))
	v := open(t, s, keys)
	j := vault.Journal{Endpoint: "https://example.test", Entries: []vault.JournalEntry{{
		Project: archivetest.ProjectID(0), Image: archivetest.ProjectID(1), Object: archivetest.Object("one"),
	}}}
	seg, err := v.WriteSegment(ctx, "west", time.Now(), "0123abcd", 1, j)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Notes().Create(ctx, "restores/0123abcd/x/y/000001.json", strings.NewReader(`{"title":"Fruit"}`)); err != nil {
		t.Fatal(err)
	}
	for _, name := range s.Names() {
		if data := s.Bytes(name); name != vault.MarkerName && (bytes.Contains(data, []byte("Fruit")) || bytes.Contains(data, []byte("example.test"))) {
			t.Errorf("%s is in the clear", name)
		}
	}
	again := open(t, s, vault.Keys{Naming: keys.Naming})
	list, err := again.Segments(ctx, "west")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d segments, %v", len(list), err)
	}
	if got, err := again.ReadSegment(ctx, list[0]); err != nil || got.Entries[0] != j.Entries[0] {
		t.Errorf("%+v, %v", got, err)
	}
	r, err := again.Notes().Open(ctx, "restores/0123abcd/x/y/000001.json", 0, 9)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != `{"title":` {
		t.Errorf("note %q, %v", text, err)
	}
	flip(s, seg.Path, -1)
	if _, err := again.ReadSegment(ctx, list[0]); err == nil || !strings.Contains(err.Error(), "cannot be decrypted") {
		t.Errorf("an altered segment: %v", err)
	}
}

// TestAgeReadsTheVault: archives and objects of it open with the age tool, also
// those that are too large to be encrypted in memory.
func TestAgeReadsTheVault(t *testing.T) {
	tool := testenv.Program(t, "age")
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(k.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := vaulttest.NewMemory()
	keys := keysFor(t, holder{public: k.Recipient().String()})
	keys.TempDir = t.TempDir()
	v := open(t, s, keys)
	a := archivetest.Commit(t, v, sample())
	large := bytes.Repeat([]byte("seventeen bytes, "), 9<<20/17)
	o := manifest.Object{SHA256: archivetest.DigestOf(large), Size: int64(len(large)), Ext: "zip"}
	if _, err := v.PutObject(t.Context(), o, bytes.NewReader(large)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{a.Path: archivetest.Write(t, sample()), v.ObjectName(o): large, v.ObjectName(archivetest.Object("one")): archivetest.Data("one")} {
		cmd := exec.Command(tool, "--decrypt", "-i", key)
		cmd.Stdin = bytes.NewReader(s.Bytes(name))
		if got, err := cmd.Output(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: age gives %d bytes, want %d; %v", name, len(got), len(want), err)
		}
	}
	if has, err := v.HasObject(t.Context(), o); !has || err != nil {
		t.Errorf("a large object: has %v, %v", has, err)
	}
	if left, err := os.ReadDir(keys.TempDir); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}
