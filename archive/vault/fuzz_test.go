package vault_test

import (
	"errors"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

// FuzzNames: a name that can be stored stays within the store and shows as it
// is; one that is read as an archive's is written the same way; a reference
// finds the archive that it says; a marker is taken or refused with a known
// error. The text stands for all of them.
func FuzzNames(f *testing.F) {
	created := time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC)
	s := vaulttest.NewMemory()
	v := vaulttest.Init(f, s)
	for _, source := range []string{"prod-weu", "prod-neu", "a.b"} {
		for _, id := range []string{"0123abcd", "0123ffff"} {
			if _, err := v.CommitArchive(f.Context(), source, created, id, strings.NewReader("x")); err != nil {
				f.Fatal(err)
			}
		}
	}
	for _, seed := range []string{
		"archives/prod-weu/20280901T020000Z-0123abcd.tar.zst",
		"archives/../../x/20280901T020000Z-0123abcd.tar.zst",
		"archives/a\x1b[31m/20280901T020000Z-0123abcd.tar.zst",
		"archives/a/20289901T020000Z-0123abcd.tar.zst",
		"archives/a/20280901T020000,0Z-0123abcd.tar.zst",
		"archives//20280901T020000Z-0123ABCD.tar.zst",
		"prod-weu/latest", "prod-", "2028", "0123a", "latest", "x/latest", "../latest", "/", "",
		"objects/sha256/ab/c.jpg", "a\u202eb/c", "con/aux.", ".tmp-x", `C:\x`, "a/\xff",
		`{"format":"cvarchive-vault","formatVersion":1,"id":"0123456789abcdef0123456789abcdef","created":"2028-09-01T02:00:00Z"}`,
		`{"format":"cvarchive-vault","formatVersion":99999999999999999999}`,
		`{"format":"cvarchive-vault","formatVersion":1,"\u001b":[[[[]]]]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		storable := store.CheckName(name) == nil
		if storable && (!filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name || strings.ContainsFunc(name, steers)) {
			t.Errorf("%q can be stored", name)
		}
		if a, ok := vault.ParseArchive(name, 7); ok {
			again, err := vault.Init(t.Context(), vaulttest.NewMemory())
			if err != nil {
				t.Fatal(err)
			}
			same, err := again.CommitArchive(t.Context(), a.Source, a.Created, a.ID, strings.NewReader("seven b"))
			if err != nil || same != a || a.Path != name || !storable {
				t.Errorf("%q is read as %+v, and written as %+v: %v", name, a, same, err)
			}
		}
		resolve(t, v, name)

		o := manifest.Object{SHA256: manifest.Digest{1}, Size: 1, Ext: name}
		if vault.CheckObject(o) == nil && store.CheckName(v.ObjectName(o)) != nil {
			t.Errorf("an object can be named %s", v.ObjectName(o))
		}
		if err := vault.ParseMarker([]byte(name)); err != nil {
			_, not := errors.AsType[*vault.NotVaultError](err)
			_, version := errors.AsType[*vault.VersionError](err)
			if !not && !version || strings.ContainsFunc(err.Error(), steers) {
				t.Errorf("marker %q: %T %v", name, err, err)
			}
		}
	})
}

func resolve(t *testing.T, v *vault.Vault, ref string) {
	t.Helper()
	a, err := v.Resolve(t.Context(), ref)
	if err != nil {
		if _, ok := errors.AsType[*vault.RefError](err); !ok || strings.ContainsFunc(err.Error(), steers) {
			t.Errorf("reference %q: %T %v", ref, err, err)
		}
		return
	}
	if again, err := v.Resolve(t.Context(), a.Name); err != nil || again != a {
		t.Errorf("%q gives %s, which gives %s: %v", ref, a.Name, again.Name, err)
	}
}

// steers reports whether a character moves the cursor, changes colours or
// turns text around.
func steers(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
