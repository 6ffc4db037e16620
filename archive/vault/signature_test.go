package vault_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
)

// stores keeps the names in the order in which they were created.
type stores struct {
	vault.Store
	names []string
}

func (s *stores) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	s.names = append(s.names, name)
	return s.Store.Create(ctx, name, body)
}

func commit(t *testing.T, v *vault.Vault, content string) (vault.Archive, error) {
	t.Helper()
	return v.CommitArchive(t.Context(), "west", time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC), "0123abcd", bytes.NewReader([]byte(content)))
}

const signedPath = "archives/west/20280901T020000Z-0123abcd.tar.zst"

// TestSignedCommit: the signature is of the stored bytes and comes first.
func TestSignedCommit(t *testing.T) {
	s := &stores{Store: vaulttest.NewMemory()}
	v := vaulttest.Init(t, s).Signing(archivetest.Signer{Name: "ann"})
	a, err := commit(t, v, "content")
	if err != nil || !a.Signed {
		t.Fatalf("%+v, %v", a, err)
	}
	if diff := cmp.Diff([]string{vault.MarkerName, signedPath + ".sig", signedPath}, s.names); diff != "" {
		t.Errorf("order of what was stored (-want +got):\n%s", diff)
	}
	r, err := v.OpenSigned(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want, err := archivetest.Signer{Name: "ann"}.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if sig, err := v.Signature(t.Context(), a); err != nil || !bytes.Equal(sig, want) {
		t.Errorf("signature %q, %v, want %q", sig, err, want)
	}
	archives, err := v.Archives(t.Context())
	if diff := cmp.Diff([]vault.Archive{a}, archives); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if strays, err := v.Strays(t.Context()); err != nil || len(strays) > 0 {
		t.Errorf("strays %v, %v", strays, err)
	}
	// Whoever commits it again changes nothing.
	if _, err := commit(t, v.Signing(archivetest.Signer{Name: "bob"}), "other"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("committed again: %v", err)
	}
	if err := v.PutSignature(t.Context(), a, []byte("bob's")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another signature: %v", err)
	}
	if err := v.PutSignature(t.Context(), a, want); err != nil {
		t.Errorf("the same signature: %v", err)
	}
	if sig, err := v.Signature(t.Context(), a); err != nil || !bytes.Equal(sig, want) {
		t.Errorf("signature %q, %v afterwards", sig, err)
	}
	if err := v.ReplaceSignature(t.Context(), a, []byte("bob's")); err != nil {
		t.Error(err)
	}
	if sig, err := v.Signature(t.Context(), a); err != nil || string(sig) != "bob's" {
		t.Errorf("signature %q, %v after it was replaced", sig, err)
	}
}

// TestUnsignedCommit: an archive is not lost with its signature, and it shows.
func TestUnsignedCommit(t *testing.T) {
	broken := errors.New("the agent is gone")
	v := vaulttest.New(t).Signing(archivetest.Signer{Err: broken})
	a, err := commit(t, v, "content")
	if e, ok := errors.AsType[*vault.UnsignedError](err); !ok || e.Archive != a || !errors.Is(err, broken) || a.Signed {
		t.Fatalf("%+v, %v", a, err)
	}
	if _, err := v.Signature(t.Context(), a); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its signature: %v", err)
	}
	if archives, err := v.Archives(t.Context()); err != nil || len(archives) != 1 || archives[0].Signed {
		t.Errorf("%+v, %v", archives, err)
	}
}

// TestOrphanSignature: one that a crash left is a stray, and gives way.
func TestOrphanSignature(t *testing.T) {
	memory := vaulttest.NewMemory()
	fault := vaulttest.NoSpace(memory, vaulttest.When{Prefix: signedPath, Nth: 2})
	vaulttest.MustHit(t, fault)
	v := vaulttest.Init(t, fault).Signing(archivetest.Signer{Name: "ann"})
	if _, err := commit(t, v, "content"); err == nil {
		t.Fatal("no error")
	}
	orphans, err := v.OrphanSignatures(t.Context())
	if err != nil || len(orphans) != 1 || orphans[0].Name != signedPath+".sig" {
		t.Errorf("orphans %v, %v", orphans, err)
	}
	if strays, err := v.Strays(t.Context()); err != nil || len(strays) != 1 {
		t.Errorf("strays %v, %v", strays, err)
	}
	if _, err := commit(t, v.Signing(archivetest.Signer{Name: "bob"}), "content"); err != nil {
		t.Fatal(err)
	}
	if got := string(memory.Bytes(signedPath + ".sig")); !bytes.HasPrefix([]byte(got), []byte("bob signs")) {
		t.Errorf("the signature is %q", got)
	}
}

// TestHugeSignature is not read to its end.
func TestHugeSignature(t *testing.T) {
	memory := vaulttest.NewMemory()
	v := vaulttest.Init(t, memory)
	a, err := commit(t, v, "content")
	if err != nil {
		t.Fatal(err)
	}
	memory.Put(signedPath+".sig", make([]byte, 1<<20))
	if _, err := v.Signature(t.Context(), a); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want that it is too large", err)
	}
}
