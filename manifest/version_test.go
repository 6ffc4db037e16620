package manifest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cvarchive/manifest"
)

// TestNewerVersions: what a later minor version adds is read and kept; what
// needs to be known, and a later major version, is refused by saying which
// version of the program would do.
func TestNewerVersions(t *testing.T) {
	text, err := manifest.EncodeManifest(sampleManifest())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		add  map[string]any
		want string // of the error; empty: it is read
	}{
		{"newer minor", map[string]any{"formatVersion": "1.7", "weather": map[string]any{"rain": true}}, ""},
		{"nothing required", map[string]any{"formatVersion": "1.7", "requires": []any{}}, ""},
		{"a feature", map[string]any{"formatVersion": "1.7", "requires": []any{map[string]any{"feature": "deltas", "since": "2.3.0", "why": 1}}},
			`made by a newer cvarchive: to read it takes the feature "deltas", which this one does not know; update to "2.3.0" or later`},
		{"required in a new way", map[string]any{"requires": "deltas"}, `to read it takes the feature "?"`},
		{"a feature with a very long name", map[string]any{"requires": []any{map[string]any{"feature": strings.Repeat("é", 1000)}}}, `the feature "` + strings.Repeat("é", 30) + `", which`},
		{"newer major", map[string]any{"formatVersion": "2.0", "members": "elsewhere"}, "made by a newer cvarchive (format 2.0); this one reads format 1; update"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var doc map[string]any
			if err := json.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			for key, value := range tt.add {
				doc[key] = value
			}
			newer, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			m, err := manifest.DecodeManifest(newer)
			if tt.want != "" {
				if e, ok := errors.AsType[*manifest.VersionError](err); !ok || !e.Newer || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want a VersionError with %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for key := range tt.add {
				if _, kept := m.Extra[key]; key != "formatVersion" && !kept {
					t.Errorf("%s is not kept", key)
				}
			}
		})
	}
}
