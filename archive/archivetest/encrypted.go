package archivetest

import (
	"context"
	"io"
	"testing"

	"filippo.io/age"

	"cvarchive/archive"
	"cvarchive/archive/seal"
	"cvarchive/archive/vault"
)

// Encrypted makes an encrypted vault of an empty store, and opens it twice:
// for a host that holds the naming key only, and for a reader that holds an
// identity only.
func Encrypted(t testing.TB, s vault.Store) (host, reader *vault.Vault) {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	ids, err := seal.ParseIdentities("key", []byte(k.String()), nil)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	keys := vault.Keys{Index: func(ctx context.Context, ra io.ReaderAt, size int64, w io.Writer) error {
		return archive.WriteIndex(ctx, ra, size, w, "")
	}}
	both := keys
	if keys.Recipients, err = seal.ParseRecipients([]string{k.Recipient().String()}); err != nil {
		t.Fatalf("make a key: %v", err)
	}
	if keys.Naming, err = seal.NewKey(false); err != nil {
		t.Fatalf("make a key: %v", err)
	}
	if host, err = vault.InitWith(t.Context(), s, keys); err != nil {
		t.Fatalf("make an encrypted vault: %v", err)
	}
	both.Identities = ids
	if reader, err = vault.OpenWith(t.Context(), s, both); err != nil {
		t.Fatalf("open an encrypted vault: %v", err)
	}
	return host, reader
}
