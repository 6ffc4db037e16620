package config

import (
	"slices"
	"strings"
	"testing"
)

func TestOtherVaults(t *testing.T) {
	f, err := Parse("c.yaml", []byte(`version: 1
vault: {url: ./here}
vaults:
  offsite:
    url: https://acc.blob.core.windows.net/copies
    connection_string: ${OFFSITE}
    tier: cool
  usb:
    url: /mnt/usb
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Vaults(); !slices.Equal(got, []string{"offsite", "usb"}) {
		t.Errorf("vaults %q", got)
	}
	env := func(name string) (string, bool) { return "secret of " + name, true }
	v, ok, err := f.NamedVault("offsite", env)
	if err != nil || !ok || v.Tier != "cool" || v.ConnectionString.Reveal() != "secret of OFFSITE" {
		t.Errorf("%+v, %v, %v", v, ok, err)
	}
	if _, ok, err := f.NamedVault("offside", env); ok || err != nil {
		t.Errorf("a vault that is not there: %v, %v", ok, err)
	}
	if vs := f.Variables(); len(vs) != 1 || vs[0].Keys[0] != "vaults.offsite.connection_string" {
		t.Errorf("variables %+v", vs)
	}
	for text, message := range map[string]string{
		"vaults: {a: {tier: hot}}":    "c.yaml:2:13: vaults.a.url is missing",
		"vaults: {A: {url: x}}":       `"A" cannot name a vault`,
		"vaults: {a: {url: x, k: y}}": `unknown key "k" in vaults.a`,
	} {
		if _, err := Parse("c.yaml", []byte("version: 1\n"+text)); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestSealTo reads public keys, also from the environment, and tells where
// one is wrong without repeating it.
func TestSealTo(t *testing.T) {
	const key = "age18q30fdsgn3t8q2rss52gtsy3nfd26965f5n0upfluejuyl9s2p6s4e7j35"
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"KEY": "age1yyxdh4353lk8cxngy03m7qfj6yf5cgqy5hkzeckrm6zaezzhs9ksc3t8tf", "BAD": "SECRETWORD"}[name]
		return value, ok
	}
	for text, want := range map[string]string{
		"[" + key + ", '${KEY}']": "",
		"\n  - " + key:            "",
		"[]":                      "c.yaml:2:26: vault.seal_to is an empty list",
		key:                       "c.yaml:2:26: vault.seal_to must be a list",
		"[" + key + ", '${BAD}']": "c.yaml:2:91: vault.seal_to[1]: this is no public key",
		"[" + key + ", '${NO}']":  "c.yaml:2:91: vault.seal_to[1]: the environment variable NO is not set",
		"[[]]":                    "c.yaml:2:27: vault.seal_to[0] must be text",
		"[ 7 ]":                   "c.yaml:2:28: vault.seal_to[0] must be text",
	} {
		v, err := func() (Vault, error) {
			text := "version: 1\nvault: {url: x, seal_to: " + text + "}"
			if strings.Contains(text, "\n  -") {
				text = strings.NewReplacer("{url: x, ", "\n  url: x\n  ", "}", "").Replace(text)
			}
			f, err := Parse("c.yaml", []byte(text))
			if err != nil {
				return Vault{}, err
			}
			return f.Vault(env)
		}()
		switch {
		case want == "" && (err != nil || v.SealTo.Strings()[0] != key):
			t.Errorf("%s: %v, %v", text, v.SealTo.Strings(), err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "SECRET")):
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
