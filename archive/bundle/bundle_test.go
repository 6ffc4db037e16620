package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cvarchive/archive"
	"cvarchive/archive/archivetest"
	"cvarchive/archive/bundle"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest/testenv"
)

func spec(pictures int) archivetest.Archive {
	a := archivetest.Archive{Source: "weu", ID: "0123abcd", Created: time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC), Projects: [][]string{{"model"}, {"model"}}}
	for i := range pictures {
		a.Projects[i%2] = append(a.Projects[i%2], fmt.Sprint("picture ", i/2*2/3)) // some are in both, some twice
	}
	return a
}

// make puts an archive into a vault and bundles it.
func makeBundle(t *testing.T, s vault.Store, a archivetest.Archive) ([]byte, *bundle.Summary, error) {
	t.Helper()
	v := vaulttest.Init(t, s)
	archives, err := v.Archives(t.Context())
	if err != nil || len(archives) != 1 {
		t.Fatal(archives, err)
	}
	f, err := v.OpenArchive(t.Context(), archives[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out bytes.Buffer
	sum, err := bundle.Write(t.Context(), bundle.Source{
		Name: archives[0].Name, Path: archives[0].Path, File: f, Size: f.Size(), Signature: s.(*vaulttest.Memory).Bytes(archives[0].SignaturePath()), Objects: v,
	}, &out, bundle.Options{})
	return out.Bytes(), sum, err
}

func TestThereAndBack(t *testing.T) {
	s := vaulttest.NewMemory()
	stored := archivetest.Commit(t, vaulttest.Init(t, s).Signing(archivetest.Signer{Name: "ann"}), spec(60))
	data, sum, err := makeBundle(t, s, spec(60))
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if b.Info() != stored || sum.Size != int64(len(data)) {
		t.Errorf("%+v, %+v", b.Info(), sum)
	}
	ra, size := b.Archive()
	r, err := archive.NewReader(ra, size)
	if err != nil {
		t.Fatal(err)
	}
	for o, err := range r.Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		body, err := b.OpenObject(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Fatal(err)
		}
	}
	other := archivetest.Object("elsewhere")
	if _, err := b.OpenObject(t.Context(), other); err == nil || !os.IsNotExist(errors.Unwrap(err)) {
		t.Errorf("an object that is not there: %v", err)
	}

	// Into an empty vault, which is then the same as the first; and again.
	target := vaulttest.NewMemory()
	to := vaulttest.Init(t, target)
	for round, stored := range []int64{sum.Objects, 0} {
		u, err := bundle.Unbundle(t.Context(), b, to, nil)
		if err != nil || u.Objects != sum.Objects || u.Stored != stored || u.Existed != (round == 1) {
			t.Fatalf("round %d: %+v, %v", round, u, err)
		}
	}
	for _, name := range s.Names() {
		if name != vault.MarkerName && !bytes.Equal(s.Bytes(name), target.Bytes(name)) {
			t.Errorf("%s is another in the target", name)
		}
	}
	if err := archivetest.Sound(t.Context(), to); err != nil {
		t.Error(err)
	}
}

// With plain tools a bundle unpacks into the layout of a vault.
func TestPlainTools(t *testing.T) {
	if _, err := exec.LookPath("zstd"); err != nil {
		testenv.Missing(t, "zstd")
	}
	s := vaulttest.NewMemory()
	archivetest.Commit(t, vaulttest.Init(t, s).Signing(archivetest.Signer{Name: "ann"}), spec(20))
	data, _, err := makeBundle(t, s, spec(20))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "b"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "--zstd", "-xf", filepath.Join(dir, "b"), "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range s.Names() {
		if name == vault.MarkerName {
			continue
		}
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, s.Bytes(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsNoBundle(t *testing.T) {
	plain := archivetest.Write(t, spec(3))
	for name, data := range map[string][]byte{"an archive": plain, "text": []byte("hello, this is text")} {
		if _, err := bundle.Open(t.Context(), bytes.NewReader(data), int64(len(data))); !errors.Is(err, bundle.ErrNotBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nothing is bundled without an object, and a damaged bundle gives no wrong
// bytes: whichever byte is changed, what can still be had is right, and a vault
// that it is brought into is sound.
func TestDamage(t *testing.T) {
	s := vaulttest.NewMemory()
	v := vaulttest.Init(t, s)
	archivetest.Commit(t, v.Signing(archivetest.Signer{Name: "ann"}), spec(6))
	data, _, err := makeBundle(t, s, spec(6))
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for at := 0; at < len(data); at += 7 {
		bad := bytes.Clone(data)
		bad[at] ^= 0x55
		b, err := bundle.Open(t.Context(), bytes.NewReader(bad), int64(len(bad)))
		target := vaulttest.New(t)
		if err == nil {
			_, err = bundle.Unbundle(t.Context(), b, target, nil)
		}
		if err != nil {
			refused++
		}
		if err := archivetest.Sound(t.Context(), target); err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	if refused < len(data)/7/2 {
		t.Errorf("%d of %d changes were noticed", refused, len(data)/7)
	}
	for cut := 1; cut < len(data); cut += 97 {
		if _, err := bundle.Open(t.Context(), bytes.NewReader(data[:cut]), int64(cut)); err == nil {
			t.Fatalf("%d of %d bytes are taken for the whole", cut, len(data))
		}
	}
	if err := s.Delete(context.Background(), v.ObjectName(archivetest.Object("model"))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := makeBundle(t, s, spec(6)); err == nil {
		t.Error("a bundle was made without an object")
	} else if _, ok := errors.AsType[*vault.ObjectError](err); !ok {
		t.Error(err)
	}
}
