package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/cmd/internal/config"
	"cvarchive/manifest"
)

const good = `version: 1
vault:
  url: /var/backups/cv
  tier: cool
resources:
  prod-weu:
    endpoint: https://westeurope.api.cognitive.microsoft.com
    training_key: ${PROD_KEY}
    calls_per_second: 10
    protected: true
  dr-neu:
    endpoint: https://${DR_HOST}.cognitiveservices.azure.com
    auth: entra
`

func environment(pairs ...string) config.LookupEnv {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func parse(t *testing.T, text string) *config.File {
	t.Helper()
	f, err := config.Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestValues(t *testing.T) {
	f := parse(t, good)
	if diff := cmp.Diff([]string{"prod-weu", "dr-neu"}, f.Resources()); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	// The key of one resource is enough to use that one.
	prod, err := f.Resource("prod-weu", environment("PROD_KEY", "k:1\n#x"))
	if err != nil {
		t.Fatal(err)
	}
	if got := prod.TrainingKey.Reveal(); got != "k:1\n#x" {
		t.Errorf("training key %q", got)
	}
	prod.TrainingKey = manifest.Secret{}
	want := config.Resource{Name: "prod-weu", Endpoint: "https://westeurope.api.cognitive.microsoft.com", CallsPerSecond: 10, Protected: true}
	if prod != want {
		t.Errorf("got %+v, want %+v", prod, want)
	}
	dr, err := f.Resource("dr-neu", environment("DR_HOST", "contoso-dr"))
	if err != nil || !dr.Entra || dr.Endpoint != "https://contoso-dr.cognitiveservices.azure.com" {
		t.Errorf("got %+v, %v", dr, err)
	}
	v, err := f.Vault(environment())
	if err != nil || v.URL.Reveal() != "/var/backups/cv" || v.Tier != "cool" {
		t.Errorf("vault %+v, %v", v, err)
	}
	wantVars := []config.Variable{
		{Name: "DR_HOST", Keys: []string{"resources.dr-neu.endpoint"}},
		{Name: "PROD_KEY", Keys: []string{"resources.prod-weu.training_key"}},
	}
	if diff := cmp.Diff(wantVars, f.Variables()); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestDollars(t *testing.T) {
	for text, want := range map[string]string{
		"a$$b":         "a$b",
		"$${A}":        "${A}",
		"cost $5":      "cost $5",
		"$":            "$",
		"${A}${A}":     "${B}${B}", // what a variable holds is not looked at again
		"x-${A}-$$$$y": "x-${B}-$$y",
	} {
		f := parse(t, "version: 1\nvault: {url: '"+text+"'}\n")
		v, err := f.Vault(environment("A", "${B}"))
		if err != nil || v.URL.Reveal() != want {
			t.Errorf("%s: got %q, %v, want %q", text, v.URL.Reveal(), err, want)
		}
	}
}

// resource wraps lines of one resource, which then begin at line 4.
func resource(lines string) string {
	return "version: 1\nresources:\n  r:\n    " + strings.ReplaceAll(lines, "\n", "\n    ") + "\n"
}

func TestErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "c.yaml: the configuration is empty; cvarchive init writes a commented one"},
		{"only a comment", "# nothing\n", "c.yaml: the configuration is empty; cvarchive init writes a commented one"},
		{"not a section", "- a\n", "c.yaml:1:1: the configuration must be a section of keys and values"},
		{"no version", "vault: {url: /v}\n", "c.yaml:1:1: version is missing; begin the file with version: 1"},
		{"newer version", "version: 2\n", "c.yaml:1:10: this configuration has version 2 and this program reads version 1; use a cvarchive that matches"},
		{"version as text", "version: '1'\n", "c.yaml:1:10: version must be a number; this program reads version: 1"},
		{"unknown key", "version: 1\nvalut: x\n", `c.yaml:2:1: unknown key "valut"; did you mean vault?`},
		{"unknown key below", "version: 1\nvault:\n  url: /v\n  colour: red\n", `c.yaml:4:3: unknown key "colour" in vault; known here: url, connection_string, tier, archive_tier, immutable_for, immutable_mode, auth, client_id, customer_key, encryption_scope, sign_with, naming_key, naming_key_file, seal_to, encrypt_to`},
		{"case matters", resource("Endpoint: https://x"), `c.yaml:4:5: unknown key "Endpoint" in resources.r; did you mean endpoint?`},
		{"repeated key", "version: 1\nvault: {url: /v}\nvault: {url: /w}\n", `c.yaml:3:1: key "vault" is repeated, first on line 2; keep one`},
		{"repeated resource", "version: 1\nresources:\n  a: {endpoint: https://x, auth: entra}\n  a: {endpoint: https://y, auth: entra}\n", `c.yaml:4:3: key "a" in resources is repeated, first on line 3; keep one`},
		{"second document", "version: 1\n---\nversion: 1\n", "c.yaml:2:1: a second YAML document starts here; keep one, without --- lines"},
		{"not YAML", "version: 1\nvault: {url: [}\n", "c.yaml:2: this is not valid YAML: did not find expected node content; check the indentation, colons and quotes around there"},
		{"tab", "version: 1\nvault:\n\turl: /v\n", "c.yaml:3: this is not valid YAML: found character that cannot start any token; check the indentation, colons and quotes around there"},
		{"vault without url", "version: 1\nvault: {tier: hot}\n", "c.yaml:2:8: vault.url is missing; give the container's URL or a folder"},
		{"vault is a list", "version: 1\nvault: [x]\n", "c.yaml:2:8: vault must be a section of keys and values"},
		{"list for text", resource("endpoint: [https://x]\nauth: entra"), "c.yaml:4:15: resources.r.endpoint must be text, not a list or a section"},
		{"number for text", resource("endpoint: 7\nauth: entra"), "c.yaml:4:15: resources.r.endpoint must be text"},
		{"no value", resource("endpoint:\nauth: entra"), "c.yaml:4:14: resources.r.endpoint has no value; give it one or remove the key"},
		{"text for a number", resource("endpoint: https://x\nauth: entra\ncalls_per_second: many"), "c.yaml:6:23: resources.r.calls_per_second must be a number"},
		{"yes for true", resource("endpoint: https://x\nauth: entra\nprotected: yes"), "c.yaml:6:16: resources.r.protected must be true or false"},
		{"alias", "version: 1\nvault:\n  url: &a /v\n  tier: *a\n", "c.yaml:3:8: vault.url uses a YAML anchor or alias; write the value itself"},
		{"merge", resource("<<: {endpoint: https://x}\nauth: entra"), "c.yaml:4:5: only plain keys are understood in resources.r"},
		{"no endpoint", resource("auth: entra"), "c.yaml:4:5: resources.r.endpoint is missing; give the resource's URL"},
		{"no credential", resource("endpoint: https://x"), "c.yaml:4:5: resources.r has no credential; give training_key: ${NAME}, or auth: entra"},
		{"two credentials", resource("endpoint: https://x\ntraining_key: k\nauth: entra"), "c.yaml:5:19: resources.r has both a training_key and auth: entra; keep one"},
		{"bad name", "version: 1\nresources: {../x: {}}\n", `c.yaml:2:13: "../x" cannot name a resource; use up to 63 lower-case letters, digits, dots, hyphens and underscores, beginning with a letter or digit`},
		{"open variable", resource("endpoint: https://x\ntraining_key: ${KEY"), "c.yaml:5:19: resources.r.training_key: ${ is not closed by }; write ${NAME}, or $${ for the characters themselves"},
		{"shell in a variable", resource("endpoint: https://x\ntraining_key: '${KEY:-s3cret}'"), "c.yaml:5:19: resources.r.training_key: what stands in ${…} is not the name of an environment variable; write ${NAME}, or $${ for the characters themselves"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Parse("c.yaml", []byte(tt.text))
			if _, ok := errors.AsType[*config.Error](err); !ok {
				t.Fatalf("got %v, want a *config.Error", err)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestErrorsOnUse(t *testing.T) {
	env := environment("EMPTY", "", "RATE", "-1", "MANY", "1e400")
	tests := []struct{ name, text, want string }{
		{"variable not set", resource("endpoint: https://x\ntraining_key: ${KEY}"), "c.yaml:5:19: resources.r.training_key: the environment variable KEY is not set; set it or change this line"},
		{"variable empty", resource("endpoint: https://x\ntraining_key: ${EMPTY}"), "c.yaml:5:19: resources.r.training_key: the environment variable EMPTY is empty; set it or change this line"},
		{"rate", resource("endpoint: https://x\nauth: entra\ncalls_per_second: ${RATE}"), "c.yaml:6:23: resources.r.calls_per_second must be a number above 0 and at most 1000"},
		{"rate out of range", resource("endpoint: https://x\nauth: entra\ncalls_per_second: ${MANY}"), "c.yaml:6:23: resources.r.calls_per_second must be a number above 0 and at most 1000"},
		{"not a number", resource("endpoint: https://x\nauth: entra\ncalls_per_second: .nan"), "c.yaml:6:23: resources.r.calls_per_second must be a number above 0 and at most 1000"},
		{"auth", resource("endpoint: https://x\ntraining_key: k\nauth: certificate"), `c.yaml:6:11: resources.r.auth cannot be "certificate"; it is one of entra, managed-identity, key`},
		{"no such resource", strings.ReplaceAll(good, "prod-weu", "rr"), `c.yaml: there is no resource "r"; did you mean rr?`},
		{"no resources", "version: 1\n", `c.yaml: there is no resource "r"; none is configured, so add it under resources`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(t, tt.text).Resource("r", env)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	f := parse(t, "version: 1\n")
	if _, err := f.Vault(env); err == nil || !strings.Contains(err.Error(), "no vault is configured") {
		t.Errorf("no vault: %v", err)
	}
	f = parse(t, "version: 1\nvault: {url: /v, tier: premium}\n")
	if _, err := f.Vault(env); err == nil || err.Error() != `c.yaml:2:24: vault.tier cannot be "premium"; it is one of hot, cool, cold, archive` {
		t.Errorf("tier: %v", err)
	}
}

// What a vault in Blob Storage may be told besides where it is.
func TestKeeping(t *testing.T) {
	env := environment("KEY", "c2VjcmV0")
	f := parse(t, `version: 1
vault:
  url: https://a.blob.core.windows.net/c
  tier: archive
  archive_tier: cool
  immutable_for: 1m15d
  immutable_mode: locked
  auth: managed-identity
  client_id: 3f1e
  customer_key: ${KEY}
prices: {currency: EUR, standard_per_10k: 5.5, standard_per_gb: 0.022, high_per_10k: 65, high_per_gb: 0.13}
resources:
  a: {endpoint: "https://a.cognitiveservices.azure.com", auth: managed-identity}
`)
	v, err := f.Vault(env)
	if err != nil {
		t.Fatal(err)
	}
	if v.Tier != "archive" || v.ArchiveTier != "cool" || v.ImmutableFor.String() != "1m15d" || !v.ImmutableLocked ||
		v.Identity != (config.Identity{Managed: true, ClientID: "3f1e"}) || v.CustomerKey.Reveal() != "c2VjcmV0" {
		t.Errorf("%+v", v)
	}
	prices, ok, err := f.Prices(env)
	want := config.Prices{Currency: "EUR", Standard: config.Price{Per10kOperations: 5.5, PerGB: 0.022}, High: config.Price{Per10kOperations: 65, PerGB: 0.13}}
	if prices != want || !ok || err != nil {
		t.Errorf("%+v, %v, %v", prices, ok, err)
	}
	if res, err := f.Resource("a", env); err != nil || !res.Entra || !res.Identity.Managed {
		t.Errorf("%+v, %v", res, err)
	}
	for text, want := range map[string]string{
		"archive_tier: archive": "vault.archive_tier cannot be \"archive\"; it is one of hot, cool, cold",
		"immutable_for: 30x":    "vault.immutable_for: \"30x\" is no period",
		"immutable_mode: fixed": "vault.immutable_mode cannot be \"fixed\"",
		"client_id: a":          "vault.client_id names a managed identity",
		"auth: key":             "vault.auth cannot be \"key\"; it is one of entra, managed-identity",
	} {
		f := parse(t, "version: 1\nvault:\n  url: /v\n  "+text+"\n")
		if _, err := f.Vault(env); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	f = parse(t, "version: 1\nprices: {high_per_gb: -1}\n")
	if _, _, err := f.Prices(env); err == nil || !strings.Contains(err.Error(), "prices.high_per_gb must be a price of 0 or more") {
		t.Errorf("%v", err)
	}
}

// TestSecretsStayHidden writes a key into the file itself and makes sure
// that no error about it shows it.
func TestSecretsStayHidden(t *testing.T) {
	for _, text := range []string{
		resource("endpoint: https://x\ntraining_key: [s3cret]"),
		resource("endpoint: https://x\ntraining_key: s3cret\nauth: entra"),
		resource("endpoint: https://x\ntraining_key: 's3cret${'"),
		resource("endpoint: https://x\ntraining_key: '${s3cret-}'"),
	} {
		_, err := config.Parse("c.yaml", []byte(text))
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s\ngave %v", text, err)
		}
	}
	f := parse(t, resource("endpoint: https://x\ntraining_key: s3cret"))
	if diff := cmp.Diff([]string{"resources.r.training_key"}, f.LiteralKeys()); diff != "" {
		t.Error(diff)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	user := filepath.Join(dir, "home")
	env := environment("XDG_CONFIG_HOME", user, "HOME", user, "AppData", user)
	find := func(flag string, env config.LookupEnv, want string) {
		t.Helper()
		got, err := config.Find(flag, env)
		if err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	find("", env, "")
	for _, sub := range []string{"", ".config", filepath.Join("Library", "Application Support")} {
		p := filepath.Join(user, sub, "cvarchive")
		if err := os.MkdirAll(p, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p, "config.yaml"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := config.Find("", env); err != nil || filepath.Base(got) != "config.yaml" {
		t.Errorf("user's folder: %q, %v", got, err)
	}
	if err := os.WriteFile(config.FileName, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	find("", env, config.FileName)
	find("", environment(config.EnvFile, "/e.yaml"), "/e.yaml")
	find("/f.yaml", environment(config.EnvFile, "/e.yaml"), "/f.yaml")
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "there is no such configuration file; cvarchive init writes one",
		dir:                             "cannot read the configuration: is a directory; make it a readable file or choose another with --config",
		big:                             "the file is larger than 1 MiB, which no configuration is; choose another with --config",
	} {
		if _, err := config.Load(path); err == nil || err.Error() != path+": "+want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// FuzzConfig looks for input that panics, that is accepted without being
// usable, or whose errors take more than a line.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(""))
	f.Add([]byte("version: 1\nvault: &a {url: *a}\n"))
	f.Add([]byte("version: 1\n<<: {vault: {url: x}}\n"))
	f.Add([]byte(resource("endpoint: ${A}$$\ntraining_key: 12\nprotected: ${B}")))
	f.Add([]byte("? [a]\n: b\n"))
	f.Add([]byte("\xef\xbb\xbfversion: 1\r\nvault: {url: \"\\u0007\"}\r\n"))
	f.Add([]byte("%YAML 1.1\n---\n!!map {version: !!str 1}\n..."))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := config.Parse("c.yaml", data)
		if err != nil {
			if e, ok := errors.AsType[*config.Error](err); !ok || e.Message == "" {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		set := func(string) (string, bool) { return "1", true }
		for _, name := range file.Resources() {
			res, err := file.Resource(name, set)
			if err == nil && (res.Endpoint == "" || res.TrainingKey.IsZero() != res.Entra) {
				t.Fatalf("accepted %+v", res)
			}
		}
		if v, err := file.Vault(set); err == nil && v.URL.IsZero() {
			t.Fatal("accepted a vault without a url")
		}
		file.Variables()
		file.LiteralKeys()
	})
}
