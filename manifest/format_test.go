package manifest_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"cvarchive/manifest"
)

// docs/format.md is the specification: it knows every field that is written.
func TestFormatDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	var look func(typ reflect.Type, at string)
	look = func(typ reflect.Type, at string) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			look(typ.Elem(), at)
			return
		case reflect.Struct:
		default:
			return
		}
		for f := range typ.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			if !regexp.MustCompile("[`.]" + name + "[`.]").Match(text) {
				t.Errorf("docs/format.md does not mention %s.%s", at, name)
			}
			look(f.Type, at+"."+name)
		}
	}
	for _, record := range []any{manifest.Manifest{}, manifest.Project{}, manifest.Tag{}, manifest.Iteration{}, manifest.Export{}, manifest.Image{}} {
		typ := reflect.TypeOf(record)
		look(typ, typ.Name())
	}
	if !strings.Contains(string(text), "**"+manifest.FormatVersion()+"**") {
		t.Errorf("docs/format.md does not say that it describes version %s", manifest.FormatVersion())
	}
}
