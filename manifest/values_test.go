package manifest_test

import (
	"crypto/sha256"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
)

func TestCheckVersion(t *testing.T) {
	for version, want := range map[string]string{
		"1.0":   "",
		"1.999": "",
		"2.0":   "made by a newer cvarchive (format 2.0); this one reads format 1; update",
		"10":    "made by a newer cvarchive (format 10); this one reads format 1; update",
		"0.9":   "format 0.9 is none that cvarchive ever wrote; this one reads format 1",
		"":      `format version "" is not of the form major.minor`,
		"1":     `format version "1" is not of the form major.minor`,
		"1.x":   `format version "1.x" is not of the form major.minor`,
		"-1.0":  `format version "-1.0" is not of the form major.minor`,
	} {
		got := ""
		if err := manifest.CheckVersion(version); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", version, got, want)
		}
	}
	if v, ok := errors.AsType[*manifest.VersionError](manifest.CheckVersion("3.1")); !ok || !v.Newer || v.Version != "3.1" {
		t.Errorf("3.1: %+v", v)
	}
	if manifest.FormatVersion() != "1.0" {
		t.Errorf("this writes %s", manifest.FormatVersion())
	}
}

func TestTokenExpiry(t *testing.T) {
	want := time.Date(2020, 10, 27, 16, 12, 0, 0, time.UTC)
	for token, ok := range map[string]bool{
		"https://h/prjexp-x/project-export-info?sv=2017-04-17&sr=b&sig=a%3D&se=2020-10-27T16%3A12%3A00Z&sp=r": true,
		"https://h/c?se=2020-10-27T16:12:00Z":         true,
		"https://h/c?se=2020-10-27T16:12Z":            true,
		"https://h/c?se=2020-10-27T16:12:00.0000000":  true,
		"https://h/c?SE=2020-10-27T17:12:00%2B01:00":  true,
		"https://h/c?se=2020-10-27T16%253A12%253A00Z": true,
		"sig=x&se=2020-10-27T16:12:00Z":               true,
		"https://h/c?use=2020-10-27T16:12:00Z":        false,
		"https://h/c?se=tomorrow":                     false,
		"https://h/c?se=":                             false,
		"opaque":                                      false,
		"":                                            false,
	} {
		got, found := manifest.TokenExpiry(token)
		if found != ok || ok && !got.Equal(want) {
			t.Errorf("%s: %v, %v", token, got, found)
		}
	}
	if day, ok := manifest.TokenExpiry("https://h/c?se=2020-10-27"); !ok || day.Day() != 27 {
		t.Errorf("a day: %v, %v", day, ok)
	}
}

func TestSniffExt(t *testing.T) {
	for head, want := range map[string]string{
		"\xff\xd8\xff\xe0": "jpg", "\x89PNG\r\n\x1a\n": "png", "GIF89a": "gif", "GIF87a": "gif", "BM6": "bmp",
		"PK\x03\x04": "zip", "": "bin", "\xff\xd8": "bin", "<html>": "bin", "\x89PNG": "bin",
	} {
		if got := manifest.SniffExt([]byte(head)); got != want {
			t.Errorf("%q: %s, want %s", head, got, want)
		}
	}
}

func TestValidMemberName(t *testing.T) {
	for name, want := range map[string]bool{
		"README": true, "projects/" + idA + "/images.jsonl": true, "a/..b": true,
		"": false, ".": false, "..": false, "/a": false, "a/": false, "a//b": false, "../a": false, "a/../b": false, "./a": false,
		`a\b`: false, "C:x": false, "a\x00": false, "a b": false, "ä": false, "a\n": false,
	} {
		if got := manifest.ValidMemberName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// The object list's digest is that of the text that the format describes.
func TestObjectDigest(t *testing.T) {
	a, b := manifest.Object{SHA256: digest(1), Size: 5, Ext: "jpg"}, manifest.Object{SHA256: digest(2), Size: 7, Ext: "zip"}
	text := a.SHA256.String() + " 5 jpg\n" + b.SHA256.String() + " 7 zip\n" + a.SHA256.String() + " 5 jpg\n"
	var d manifest.ObjectDigest
	d.Add(a)
	d.AddLines(a.AppendLine(b.AppendLine(nil)), 2, b.Size+a.Size)
	want := manifest.ObjectList{Count: 3, Bytes: 17, Digest: sha256.Sum256([]byte(text))}
	if got := d.Sum(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if d.Sum() != want {
		t.Error("asking changes the sum")
	}
	if got := new(manifest.ObjectDigest).Sum(); got.Digest != sha256.Sum256(nil) {
		t.Errorf("nothing: %+v", got)
	}
}

func TestTally(t *testing.T) {
	object := func(first byte) *manifest.Object {
		return &manifest.Object{SHA256: digest(first), Size: 10, Ext: "jpg"}
	}
	id := func(last string) string { return idA[:len(idA)-1] + last }
	tagged, region := []manifest.ImageTag{{TagID: idT}}, []manifest.Region{{TagID: idT}}
	var tally manifest.Tally
	tally.Project(make([]manifest.Tag, 3), []manifest.Iteration{{Models: []manifest.ModelExport{{Object: object(9)}, {}}}, {}})
	for _, img := range []manifest.Image{
		{ID: id("1"), Tags: tagged, Regions: region, Object: object(1)},
		{ID: id("2"), Object: object(1)},
		{ID: id("3"), Tags: tagged, Regions: region, Iterations: []string{idT}, Object: object(2)},
		{ID: id("4"), Tags: tagged, Failure: &manifest.Failure{}},
		{ID: id("5")},
	} {
		if err := tally.Image(&img); err != nil {
			t.Fatal(err)
		}
	}
	want := manifest.Counts{Images: 5, IterationOnly: 1, Tagged: 2, Tags: 3, Regions: 1, Iterations: 2, Models: 1, Bytes: 40, FailedImages: 1, DuplicateImages: 1}
	if diff := cmp.Diff(want, tally.Counts()); diff != "" {
		t.Error(diff)
	}
	if tally.Image(&manifest.Image{ID: "AAAAAAAA" + id("1")[8:]}) == nil {
		t.Error("the same id in another case is counted again")
	}
}

func TestLookups(t *testing.T) {
	m := sampleManifest()
	if got := manifest.TypeOf(m.Domains, "bbbbbbbb"+idT[8:]); got != manifest.Classification {
		t.Errorf("type %q", got)
	}
	if manifest.TypeOf(m.Domains, idA) != "" || m.Project(idT) != nil || m.Member("x") != nil {
		t.Error("found what is not there")
	}
	if m.Project("AAAAAAAA"+idA[8:]) != &m.Projects[0] || m.Member("README") != &m.Members[0] {
		t.Error("not found")
	}
	its := []manifest.Iteration{{Models: []manifest.ModelExport{{}, {Object: &manifest.Object{Size: 1}}}}, {Models: []manifest.ModelExport{{Object: &manifest.Object{Size: 2}}}}}
	if got := slices.Collect(manifest.ModelObjects(its)); len(got) != 2 || got[1].Size != 2 {
		t.Errorf("objects %v", got)
	}
}

func TestTimestamp(t *testing.T) {
	for text, want := range map[manifest.Timestamp]time.Time{
		"2019-06-19T23:02:39.8757957": time.Date(2019, 6, 19, 23, 2, 39, 875795700, time.UTC),
		"2019-06-19T23:02:39Z":        time.Date(2019, 6, 19, 23, 2, 39, 0, time.UTC),
		"2019-06-20T01:02:39.5+02:00": time.Date(2019, 6, 19, 23, 2, 39, 5e8, time.UTC),
	} {
		if got, err := text.Time(); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if _, err := manifest.Timestamp("yesterday").Time(); err == nil {
		t.Error("yesterday is taken")
	}
}

func TestParseDigest(t *testing.T) {
	d := digest(0xab)
	if got, err := manifest.ParseDigest(d.String()); err != nil || got != d {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "ab", d.String() + "0", "AB" + d.String()[2:], "zz" + d.String()[2:]} {
		if _, err := manifest.ParseDigest(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Every byte in every place of an id: what is none is found out, and what is
// one comes back as it was, whatever its case.
func TestEveryByteOfAnID(t *testing.T) {
	const id = "0123abcd-4567-89ef-0a1b-23cdef456789"
	form := regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)
	for at := range len(id) {
		for b := range 256 {
			text := id[:at] + string([]byte{byte(b)}) + id[at+1:]
			want := form.MatchString(text)
			if got := manifest.ValidID(text); got != want {
				t.Fatalf("%q: %v, want %v", text, got, want)
			}
			if !want {
				continue
			}
			line, err := manifest.AppendImage(nil, &manifest.Image{ID: text})
			if err != nil {
				t.Fatal(err)
			}
			if lower := strings.ToLower(text) == text; lower != !strings.Contains(string(line), text) {
				t.Fatalf("%s has dashes, or none, for %q", line, text)
			}
			var img manifest.Image
			if err := manifest.DecodeImage(line, &img); err != nil || img.ID != text {
				t.Fatalf("%q came back as %q, %v", text, img.ID, err)
			}
		}
	}
}
