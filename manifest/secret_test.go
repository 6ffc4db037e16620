package manifest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"cvarchive/manifest"
)

// TestSecretInside: a secret in a field that package fmt cannot ask stays one.
func TestSecretInside(t *testing.T) {
	type client struct {
		Key    manifest.Secret
		key    manifest.Secret
		nested map[string][]manifest.Secret
	}
	same := manifest.NewSecret("a")
	c := client{manifest.NewSecret("PLANTED"), manifest.NewSecret("PLANTED"), map[string][]manifest.Secret{"a": {manifest.NewSecret("PLANTED")}}}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	all := string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		all += fmt.Sprintf(verb+verb, c, &c)
	}
	if strings.Contains(all, "PLANTED") || strings.Contains(all, fmt.Sprintf("%x", "PLANTED")) {
		t.Errorf("it shows: %s", all)
	}
	if same != manifest.NewSecret("a") || manifest.NewSecret("a") == manifest.NewSecret("b") || manifest.NewSecret("") != (manifest.Secret{}) || c.key.Reveal() != "PLANTED" || (manifest.Secret{}).Reveal() != "" {
		t.Error("secrets are not equal by content")
	}
}
