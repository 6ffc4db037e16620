package verify_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
)

// TestEncrypted: what can be seen without an identity is seen without, and the
// rest with it.
func TestEncrypted(t *testing.T) {
	flip := func(s *vaulttest.Memory, name string) {
		data := bytes.Clone(s.Bytes(name))
		data[len(data)-1] ^= 1
		s.Put(name, data)
	}
	index := func(s *vaulttest.Memory) string {
		names := s.Names()
		return names[slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, "index/") })]
	}
	for name, tt := range map[string]struct {
		alter        func(s *vaulttest.Memory, v *vault.Vault, a vault.Archive)
		host, reader string // the problem, without and with an identity
	}{
		"sound": {func(*vaulttest.Memory, *vault.Vault, vault.Archive) {}, "", ""},
		"object lost": {func(s *vaulttest.Memory, v *vault.Vault, _ vault.Archive) {
			_ = s.Delete(t.Context(), v.ObjectName(archivetest.Object("x")))
		}, "is missing", "is missing"},
		"object cut": {func(s *vaulttest.Memory, v *vault.Vault, _ vault.Archive) {
			n := v.ObjectName(archivetest.Object("x"))
			s.Put(n, s.Bytes(n)[1:])
		}, "is damaged: it has", "is damaged"},
		"object altered": {func(s *vaulttest.Memory, v *vault.Vault, _ vault.Archive) {
			flip(s, v.ObjectName(archivetest.Object("x")))
		}, "", "cannot be decrypted"},
		"archive altered": {func(s *vaulttest.Memory, _ *vault.Vault, a vault.Archive) { flip(s, a.Path) },
			"is not as it was written", "is not as it was written"},
		"index lost": {func(s *vaulttest.Memory, _ *vault.Vault, _ vault.Archive) { _ = s.Delete(t.Context(), index(s)) },
			"has no index", "has no index"},
		"index altered": {func(s *vaulttest.Memory, _ *vault.Vault, _ vault.Archive) { flip(s, index(s)) },
			"cannot be decrypted", "cannot be decrypted"},
	} {
		t.Run(name, func(t *testing.T) {
			s := vaulttest.NewMemory()
			host, reader := archivetest.Encrypted(t, s)
			a := archivetest.Commit(t, host, archivetest.Archive{
				Source: "weu", Created: time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC), ID: "0123abcd", Projects: [][]string{{"model", "x", "y"}},
			})
			tt.alter(s, host, a)
			plain, err := host.Digest(t.Context(), a)
			for v, want := range map[*vault.Vault]string{host: tt.host, reader: tt.reader} {
				r, failed := verify.Archive(t.Context(), v, a, verify.Options{ReadData: v == reader})
				if failed != nil {
					t.Fatalf("verifying failed: %v", failed)
				}
				if (want == "") != r.Sound() || want != "" && !strings.Contains(r.Problems[0].String(), want) {
					t.Errorf("problems %v, want %q", r.Problems, want)
				}
				if v == host && len(r.Unchecked) == 0 {
					t.Error("it does not say what it could not look at")
				}
				if want == "" && (r.SHA256 != plain || err != nil || r.Objects != 3) {
					t.Errorf("SHA-256 %s of %s, %d objects, %v", r.SHA256, plain, r.Objects, err)
				}
			}
		})
	}
}
