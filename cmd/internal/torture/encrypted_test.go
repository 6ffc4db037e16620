package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"cvarchive/archive/seal"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// secrets are the keys of an encrypted vault.
type secrets struct {
	recipient    string // in the config, with the naming key
	naming       string
	identities   seal.Identities // of the test, and of programs that need it
	identityFile string
}

// encryptedPlaces are vaults in folders that one identity reads, each with a
// naming key of its own.
func encryptedPlaces(t *testing.T, n int) (places []*place) {
	t.Helper()
	identity := newIdentity(t)
	file := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(file, []byte(identity.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	identities, err := seal.ParseIdentities(file, []byte(identity.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		p := folderPlace(t)
		p.secrets = &secrets{
			recipient: identity.Recipient().String(), naming: newIdentity(t).String(), identities: identities, identityFile: file,
		}
		places = append(places, p)
	}
	return places
}

func newIdentity(t *testing.T) *age.X25519Identity {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

// config is what the config says of a vault's encryption.
func (s *secrets) config(indent string) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%[1]sencrypt_to: [%[2]s]\n%[1]snaming_key: %[3]s\n", indent, s.recipient, s.naming)
}

// open opens a copy of what a place stores.
func (p *place) open(t *testing.T, s vault.Store) *vault.Vault {
	t.Helper()
	var keys vault.Keys
	if p.secrets != nil {
		naming, err := seal.ParseKey(manifest.NewSecret(p.secrets.naming))
		if err != nil {
			t.Fatal(err)
		}
		keys.Naming, keys.Identities = naming, p.secrets.identities
	}
	v, err := vault.OpenWith(t.Context(), s, keys)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
