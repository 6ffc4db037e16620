package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cvarchive/archive/compare"
	"cvarchive/archive/drill"
	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// TestJSONDocumented holds docs/json.md to the types that are printed: every
// field of a command's output is named in its section (or among the shared
// records), and the example of the section is of that type, without a field
// that does not exist.
func TestJSONDocumented(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(data), "\n## ")[1:] {
		title, text, _ := strings.Cut(s, "\n")
		sections[title] = text
	}
	for title, shape := range map[string]any{
		"backup": backupLines, "list": &listing{}, "inspect": &inspection{}, "verify": verifyLines, "verify --against": &restore.ProofReport{}, "repair": repairLines,
		"diff": &compare.Report{}, "restore --dry-run": &plan.Plan{}, "restore": &restore.Report{},
		"drill": &drill.Report{}, "drill --clean-up": &drill.Cleaned{}, "export --models": &exportedModels{},
		"sign": &signing{}, "prune": &pruning{}, "hold": &heldArchive{}, "rehydrate": &rehydration{}, "copy": &copying{}, "bundle": &bundled{}, "unbundle": &unbundled{}, "doctor": &diagnosis{}, "version": &versionInfo{},
	} {
		t.Run(title, func(t *testing.T) {
			text := sections[title]
			if title == "drill" {
				text += sections["restore"] // its projects are those of a restore
			}
			for _, field := range fieldsOf(shape) {
				if !named(text, field) && !named(sections["Shared records"], field) {
					t.Errorf("the field %q is not documented", field)
				}
			}
			_, example, found := strings.Cut(text, "```json\n")
			if !found {
				t.Fatal("there is no example")
			}
			example, _, _ = strings.Cut(example, "```")
			if types, ok := shape.(lineTypes); ok {
				for line, shape := range types.decode(t, example) {
					sameKeys(t, line, shape)
				}
				return
			}
			dec := json.NewDecoder(strings.NewReader(example))
			dec.DisallowUnknownFields()
			if err := dec.Decode(shape); err != nil {
				t.Fatalf("the example: %v", err)
			}
			sameKeys(t, example, shape)
		})
	}
}

// lineTypes are the shapes of a command that prints lines, by the name that
// each gives itself.
type lineTypes map[string]reflect.Type

var backupLines = lineTypes{
	"warning": reflect.TypeFor[backupWarning](),
	"project": reflect.TypeFor[backupProject](),
	"failure": reflect.TypeFor[backupFailure](),
	"total":   reflect.TypeFor[backupTotal](),
}

var verifyLines = lineTypes{
	"problem": reflect.TypeFor[problemLine](),
	"archive": reflect.TypeFor[verifiedArchive](),
	"chain":   reflect.TypeFor[verifiedChain](),
	"total":   reflect.TypeFor[verifyTotal](),
}

var repairLines = lineTypes{
	"object":  reflect.TypeFor[repairedLine](),
	"problem": reflect.TypeFor[problemLine](),
	"total":   reflect.TypeFor[repairTotal](),
}

// decode decodes lines strictly, each into its type, and wants every type to
// be there.
func (types lineTypes) decode(t *testing.T, text string) map[string]any {
	t.Helper()
	lines, missing := map[string]any{}, maps.Clone(types)
	for line := range strings.Lines(text) {
		var head struct{ Type string }
		if err := json.Unmarshal([]byte(line), &head); err != nil || types[head.Type] == nil {
			t.Fatalf("%s: not a line of a known type (%v)", line, err)
		}
		shape := reflect.New(types[head.Type]).Interface()
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(shape); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines[line] = shape
		delete(missing, head.Type)
	}
	for name := range missing {
		t.Errorf("there is no line of type %q", name)
	}
	return lines
}

// sameKeys fails when the type leaves out a field that the example has, or
// always prints one that the example lacks.
func sameKeys(t *testing.T, example string, shape any) {
	t.Helper()
	printed, err := json.Marshal(shape)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	for data, v := range map[string]*any{example: &want, string(printed): &got} {
		if err := json.Unmarshal([]byte(data), v); err != nil {
			t.Fatal(err)
		}
	}
	w, g := paths("", want), paths("", got)
	for _, p := range w {
		if !slices.Contains(g, p) {
			t.Errorf("the example has %s, which is not printed", p)
		}
	}
	for _, p := range g {
		if !slices.Contains(w, p) {
			t.Errorf("%s is always printed and the example lacks it", p)
		}
	}
}

func paths(prefix string, v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			out = append(append(out, prefix+"."+k), paths(prefix+"."+k, inner)...)
		}
	case []any:
		for _, inner := range v {
			out = append(out, paths(prefix+"[]", inner)...)
		}
	}
	return out
}

func named(text, field string) bool {
	return strings.Contains(text, "`"+field+"`") || strings.Contains(text, `"`+field+`"`)
}

func fieldsOf(shape any) (names []string) {
	types, ok := shape.(lineTypes)
	if !ok {
		return jsonFields(reflect.TypeOf(shape))
	}
	for _, t := range types {
		names = append(names, jsonFields(t)...)
	}
	return names
}

// jsonFields returns the names of all fields that a type can print.
func jsonFields(t reflect.Type) []string {
	seen := map[reflect.Type]bool{}
	var names []string
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		leaf := t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[manifest.Digest]() || t == reflect.TypeFor[manifest.Secret]()
		if t.Kind() != reflect.Struct || leaf || seen[t] {
			return
		}
		seen[t] = true
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "-" || !f.IsExported() && !f.Anonymous {
				continue
			}
			if name != "" {
				names = append(names, name)
			}
			walk(f.Type)
		}
	}
	walk(t)
	return names
}

// TestResultsAreJSON decodes what commands print, strictly, into their types.
func TestResultsAreJSON(t *testing.T) {
	_, base := newService(t)
	if err := seedSmall(base + "/westeurope"); err != nil {
		t.Fatal(err)
	}
	path := configFor(t, base)
	for _, step := range []struct {
		line   string
		status int
		into   any
	}{
		{"backup west", exitDone, nil},
		{"list", exitDone, &listing{}},
		{"inspect latest", exitDone, &inspection{}},
		{"verify --all", exitDone, nil},
		{"diff latest --live west --images", exitDone, &compare.Report{}},
		{"restore latest --to north --dry-run", exitDifferences, &plan.Plan{}},
		{"restore latest --to north --mode rebuild --yes", exitDone, &restore.Report{}},
		{"drill latest --to north --yes", exitDone, &drill.Report{}},
		{"drill --clean-up --to north", exitDone, &drill.Cleaned{}},
		{"verify latest --against north", exitDone, &restore.ProofReport{}},
		{"doctor west", exitDone, &diagnosis{}},
		{"version", exitDone, &versionInfo{}},
	} {
		args := append(strings.Fields(step.line), "--json")
		if step.line != "version" {
			args = append([]string{"--config", path}, args...)
		}
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), args, process{
			stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
			lookupEnv: func(name string) (string, bool) { return testKey, name == "KEY" },
		})
		if status != step.status {
			t.Fatalf("%s: status %d: %s", step.line, status, &stderr)
		}
		if step.into == nil { // lines, which have tests of their own
			continue
		}
		dec := json.NewDecoder(&stdout)
		dec.DisallowUnknownFields()
		if err := dec.Decode(step.into); err != nil {
			t.Errorf("%s: %v", step.line, err)
		}
		if dec.More() {
			t.Errorf("%s: more than one value", step.line)
		}
	}
}
