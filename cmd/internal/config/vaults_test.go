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
