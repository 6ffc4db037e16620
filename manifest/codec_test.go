package manifest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cvarchive/manifest"
)

const (
	idA = "aaaaaaaa-0000-4000-8000-000000000001"
	idT = "BBBBBBBB-0000-4000-8000-000000000002"
)

func digest(first byte) manifest.Digest { return manifest.Digest{first} }

// fullImage has something in every field.
func fullImage() manifest.Image {
	return manifest.Image{
		ID: idA, Created: "2019-06-19T23:02:39.8757957", Width: 1125, Height: 900,
		Tags:       []manifest.ImageTag{{TagID: idT, TagName: "<a & b>", Created: "2019-06-19T23:02:39.8757957"}},
		Regions:    []manifest.Region{{ID: idA, TagID: idT, TagName: "\u65e5", Created: "2019", Left: "0.10", Top: "1e-7", Width: "0", Height: "0.3333333432674408"}},
		Metadata:   map[string]string{"b": "2", "a": "\"quoted\"\n"},
		Iterations: []string{idT},
		Blob:       manifest.BlobResized,
		Object:     &manifest.Object{SHA256: digest(1), Size: 6 << 20, Ext: "jpg"},
		Failure:    &manifest.Failure{Item: "image", Operation: "GetImages", Code: "c", Message: "m", RequestID: "r"},
		Extra:      manifest.Extra{"z": json.RawMessage(`[1.0,{"k":null}]`), "aa": json.RawMessage(`"<"`)},
	}
}

const (
	fullLine = lineStart +
		`"tags":[["BBBBBBBB-0000-4000-8000-000000000002",0,"<a & b>"]],` +
		`"regions":[[0,"aaaaaaaa000040008000000000000001","2019",0.10,1e-7,0,0.3333333432674408,"日"]],` + lineMiddle +
		`"object":["0100000000000000000000000000000000000000000000000000000000000000",6291456,"jpg"],` + lineEnd

	// firstLine is the same in the form of the first archives.
	firstLine = lineStart +
		`"tags":[{"tagId":"BBBBBBBB-0000-4000-8000-000000000002","tagName":"<a & b>","created":"2019-06-19T23:02:39.8757957"}],` +
		`"regions":[{"tagId":"BBBBBBBB-0000-4000-8000-000000000002","tagName":"日","created":"2019","regionId":"aaaaaaaa-0000-4000-8000-000000000001","left":0.10,"top":1e-7,"width":0,"height":0.3333333432674408}],` + lineMiddle +
		`"object":{"sha256":"0100000000000000000000000000000000000000000000000000000000000000","size":6291456,"ext":"jpg"},` + lineEnd

	lineStart  = `{"id":"aaaaaaaa000040008000000000000001","created":"2019-06-19T23:02:39.8757957","width":1125,"height":900,`
	lineMiddle = `"metadata":{"a":"\"quoted\"\n","b":"2"},"iterations":["BBBBBBBB-0000-4000-8000-000000000002"],"blob":"resized",`
	lineEnd    = `"failure":{"item":"image","operation":"GetImages","code":"c","message":"m","requestId":"r"},"aa":"<","z":[1.0,{"k":null}]}`
)

// The JSON of a record is part of the format: it is spelled out.
func TestImageJSON(t *testing.T) {
	img := fullImage()
	line, err := manifest.AppendImage([]byte("before "), &img)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("before "+fullLine, string(line)); diff != "" {
		t.Errorf("encoded (-want +got):\n%s", diff)
	}
	var got manifest.Image
	if err := manifest.DecodeImage([]byte(fullLine), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(img, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	minimal := manifest.Image{ID: idA}
	if line, err = manifest.AppendImage(nil, &minimal); err != nil || string(line) != `{"id":"aaaaaaaa000040008000000000000001"}` {
		t.Errorf("minimal: %s, %v", line, err)
	}
}

// A record that is decoded into again keeps nothing of the one before.
func TestDecodeImageOverwrites(t *testing.T) {
	img := fullImage()
	if err := manifest.DecodeImage([]byte(`{"id":"`+idA+`"}`), &img); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(manifest.Image{ID: idA}, img); diff != "" {
		t.Error(diff)
	}
}

// The first archives had objects in the place of lists, and regions with the
// coordinates as fields of their own or in one list.
func TestFirstLines(t *testing.T) {
	coordinates := `"left":0.10,"top":1e-7,"width":0,"height":0.3333333432674408`
	for _, line := range []string{
		firstLine,
		strings.Replace(firstLine, "aaaaaaaa000040008000000000000001", idA, 1),
		strings.Replace(firstLine, coordinates, `"box":[0.10,1e-7,0,0.3333333432674408]`, 1),
	} {
		var got manifest.Image
		if err := manifest.DecodeImage([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fullImage(), got); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
	}
}

// What can be a number in a line is one, and what cannot is text: every
// record comes back as it was.
func TestImageForms(t *testing.T) {
	const created = "2019-06-19T23:02:39.8757957"
	for _, c := range []struct {
		img  manifest.Image
		want string // after the id
	}{
		{manifest.Image{Created: created, Tags: []manifest.ImageTag{
			{TagID: idA, Created: "2019-06-20T00:00:00.0000000"}, {TagID: idT, Created: "2018-06-19T23:02:39.8757956"},
			{TagID: idT, Created: "2019-06-19T23:02:40.8757957"}, {TagID: idT}, {TagID: idT, Created: created, TagName: "n"}}},
			`,"created":"` + created + `","tags":[["aaaaaaaa000040008000000000000001",3440.1242043],["` + idT + `",-31536000.0000001],["` + idT + `",1],["` + idT + `",""],["` + idT + `",0,"n"]]`},
		{manifest.Image{Created: created, Tags: []manifest.ImageTag{
			{TagID: idT, Created: created + "Z"}, {TagID: idT, Created: "2019-02-29T00:00:00.0000000"}, {TagID: idT, Created: "2019-06-19T24:00:00.0000000"}, {TagID: idT, Created: "2019-06-19T23:02:39.875"}}},
			`,"created":"` + created + `","tags":[["` + idT + `","` + created + `Z"],["` + idT + `","2019-02-29T00:00:00.0000000"],["` + idT + `","2019-06-19T24:00:00.0000000"],["` + idT + `","2019-06-19T23:02:39.875"]]`},
		{manifest.Image{Created: "2019", Tags: []manifest.ImageTag{{TagID: idT, Created: "2019"}, {TagID: idA, Created: created}},
			Regions: []manifest.Region{
				{TagID: idA, Created: "2019-06-19T23:02:39.8757958", Left: "0", Top: "-0.0", Width: "1", Height: "2"},
				{TagID: strings.ToLower(idT), Created: "2019", ID: idA, Left: "0", Top: "-0.0", Width: "1", Height: "2"}}},
			`,"created":"2019","tags":[["` + idT + `",0],["aaaaaaaa000040008000000000000001","` + created + `"]],"regions":[[1,"",0.0000001,0,-0.0,1,2],["bbbbbbbb000040008000000000000002","aaaaaaaa000040008000000000000001",0,0,-0.0,1,2]]`},
		{manifest.Image{Tags: []manifest.ImageTag{{TagID: idT}}}, `,"tags":[["` + idT + `",0]]`},
		{manifest.Image{Created: "0000-01-01T00:00:00.0000000", Tags: []manifest.ImageTag{{TagID: idT, Created: "9999-12-31T23:59:59.9999999"}}},
			`,"created":"0000-01-01T00:00:00.0000000","tags":[["` + idT + `",315569519999.9999999]]`},
	} {
		c.img.ID = idA
		line, err := manifest.AppendImage(nil, &c.img)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(`{"id":"aaaaaaaa000040008000000000000001"`+c.want+`}`, string(line)); diff != "" {
			t.Errorf("written (-want +got):\n%s", diff)
		}
		var fast, general manifest.Image
		if _, ok := manifest.ScanImage(line, &fast); !ok {
			t.Errorf("left to the general decoder: %s", line)
		}
		if err := manifest.DecodeAsAny(line, &general); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if diff := cmp.Diff(c.img, fast) + cmp.Diff(c.img, general); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
	}
}

func TestImageRefused(t *testing.T) {
	for field, change := range map[string]func(*manifest.Image){
		"id":                 func(i *manifest.Image) { i.ID = "x" },
		"width":              func(i *manifest.Image) { i.Width = -1 },
		"tags[0].tagId":      func(i *manifest.Image) { i.Tags[0].TagID = "" },
		"regions[0].tagId":   func(i *manifest.Image) { i.Regions[0].TagID = idT + "0" },
		"regions[0].left":    func(i *manifest.Image) { i.Regions[0].Left = "" },
		"regions[0].top":     func(i *manifest.Image) { i.Regions[0].Top = "0x1p-2" },
		"regions[0].width":   func(i *manifest.Image) { i.Regions[0].Width = "1e999" },
		"regions[0].height":  func(i *manifest.Image) { i.Regions[0].Height = json.Number("0." + strings.Repeat("1", 63)) },
		"regions[0].tagName": func(i *manifest.Image) { i.Regions[0].TagName = "\xff" },
		"metadata":           func(i *manifest.Image) { i.Metadata["a"] = "\xff" },
		"iterations":         func(i *manifest.Image) { i.Iterations[0] = "1" },
		"object.sha256":      func(i *manifest.Image) { i.Object.SHA256 = manifest.Digest{} },
		"object.size":        func(i *manifest.Image) { i.Object.Size = -1 },
		"object.ext":         func(i *manifest.Image) { i.Object.Ext = "../x" },
	} {
		img := fullImage()
		change(&img)
		_, err := manifest.AppendImage(nil, &img)
		if fe, ok := errors.AsType[*manifest.FieldError](err); !ok || fe.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for name, line := range map[string]string{
		"two records":  `{"id":"` + idA + `"}{}`,
		"not UTF-8":    "{\"id\":\"" + idA + "\",\"blob\":\"\xff\"}",
		"wrong type":   `{"id":"` + idA + `","width":"1"}`,
		"null":         `null`,
		"empty":        ``,
		"cut":          fullLine[:len(fullLine)-1],
		"deep":         `{"id":"` + idA + `","x":` + strings.Repeat(`{"x":`, 64) + "1" + strings.Repeat("}", 65),
		"many regions": `{"id":"` + idA + `","regions":[` + strings.Repeat(`{},`, 20_001) + `{}]}`,
		"many fields":  `{"id":"` + idA + `","metadata":{` + strings.Repeat(`"a":"",`, 200_001) + `"b":""}}`,
		"unbalanced":   `]{`,
		"no such tag":  `{"id":"` + idA + `","tags":[["` + idT + `",0]],"regions":[[1,"",0,0,0,1,1]]}`,
		"tag below 0":  `{"id":"` + idA + `","tags":[["` + idT + `",0]],"regions":[[-1,"",0,0,0,1,1]]}`,
		"short region": `{"id":"` + idA + `","tags":[["` + idT + `",0]],"regions":[[0,"",0,0,0,1]]}`,
		"long region":  `{"id":"` + idA + `","tags":[["` + idT + `",0]],"regions":[[0,"",0,0,0,1,1,"",""]]}`,
		"long object":  `{"id":"` + idA + `","object":["` + digest(1).String() + `",1,"jpg",""]}`,
		"after text":   `{"id":"` + idA + `","created":"2019","tags":[["` + idT + `",1]]}`,
		"after 9999":   `{"id":"` + idA + `","created":"9999-12-31T23:59:59.9999999","tags":[["` + idT + `",0.0000001]]}`,
		"before 0":     `{"id":"` + idA + `","created":"0000-01-01T00:00:00.0000000","tags":[["` + idT + `",-1]]}`,
		"part of tick": `{"id":"` + idA + `","created":"2019-06-19T23:02:39.8757957","tags":[["` + idT + `",0.00000001]]}`,
		"id with 32":   `{"id":"AAAAAAAA000040008000000000000001"}`,
		"short box":    `{"id":"` + idA + `","regions":[{"tagId":"` + idT + `","box":[1,2,3]}]}`,
		"box and left": `{"id":"` + idA + `","regions":[{"tagId":"` + idT + `","box":[1,2,3,4],"left":1}]}`,
	} {
		if err := manifest.DecodeImage([]byte(line), new(manifest.Image)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	img := fullImage()
	img.Extra = manifest.Extra{"ID": json.RawMessage(`"other"`)}
	if _, err := manifest.AppendImage(nil, &img); err == nil {
		t.Error("an extra field with the name of a known one is written")
	}
	img.Extra = manifest.Extra{"x": json.RawMessage(`{`)}
	if _, err := manifest.AppendImage(nil, &img); err == nil {
		t.Error("an extra field that is no JSON is written")
	}
}

// Every document comes back as it was, unknown fields included.
func TestDocuments(t *testing.T) {
	extra := manifest.Extra{"new": json.RawMessage(`{"a":[1,"<"]}`)}
	yes := true
	project := manifest.Project{ID: idA, Name: "ネジ <&>", Description: "d", DRModeEnabled: &yes, Status: "Succeeded", Extra: extra,
		Settings: manifest.ProjectSettings{DomainID: idT, ClassificationType: "Multilabel", Extra: extra}}
	check(t, project, func(p manifest.Project) ([]byte, error) { return manifest.EncodeProject(&p) }, manifest.DecodeProject)
	check(t, []manifest.Tag{{ID: idT, Name: "a", Type: manifest.TagRegular, Extra: extra}, {ID: idA}}, manifest.EncodeTags, manifest.DecodeTags)
	check(t, []manifest.Tag{}, manifest.EncodeTags, manifest.DecodeTags)
	check(t, []manifest.Iteration{{ID: idA, Name: "i", Extra: extra,
		Performance: &manifest.IterationPerformance{Threshold: "0.50"},
		Models:      []manifest.ModelExport{{Platform: "ONNX", Status: "Done", Object: &manifest.Object{SHA256: digest(2), Ext: "zip"}}}}},
		manifest.EncodeIterations, manifest.DecodeIterations)
	check(t, manifest.Export{ImageCount: 3, State: manifest.TokenStored, Token: manifest.NewSecret("t&<"), Extra: extra}, encodeExport, manifest.DecodeExport)
	check(t, manifest.Export{State: manifest.TokenSealed, SealedToken: "-----BEGIN AGE"}, encodeExport, manifest.DecodeExport)
	check(t, sampleManifest(), func(m *manifest.Manifest) ([]byte, error) { return manifest.EncodeManifest(m) }, manifest.DecodeManifest)
}

func encodeExport(e manifest.Export) ([]byte, error) { return manifest.EncodeExport(&e) }

func sampleManifest() *manifest.Manifest {
	return &manifest.Manifest{
		Format: manifest.FormatName, FormatVersion: "1.0", ID: "0123abcd",
		Domains:  []manifest.Domain{{ID: idT, Name: "General", Type: manifest.Classification}},
		Projects: []manifest.ProjectEntry{{ID: idA, Name: "p", Outcome: manifest.Partial, Failures: []manifest.Failure{{Item: "x", Message: "y"}}}},
		Members:  []manifest.Member{{Name: "README", Size: 1, SHA256: digest(3)}, {Name: "projects/x/y", SHA256: digest(3), Offset: 1024}},
		Objects:  new(manifest.ObjectDigest).Sum(),
		Parent:   &manifest.Parent{Name: "n", SHA256: digest(4)},
		Extra:    manifest.Extra{"signatures": json.RawMessage(`[]`)},
	}
}

func check[T any](t *testing.T, in T, encode func(T) ([]byte, error), decode func([]byte) (T, error)) {
	t.Helper()
	data, err := encode(in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	out, err := decode(data)
	if err != nil {
		t.Fatalf("%T: %v\n%s", in, err, data)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("%T (-in +out):\n%s", in, diff)
	}
	if again, err := encode(out); err != nil || string(again) != string(data) {
		t.Errorf("%T: the second encoding differs (%v):\n%s\n%s", in, err, data, again)
	}
	if data[len(data)-1] != '\n' || strings.Contains(string(data), `\u003c`) {
		t.Errorf("%T: not for an editor: %s", in, data)
	}
}

// A token shows up in export.json, and nowhere else.
func TestTokenStaysHidden(t *testing.T) {
	const token = "https://x/?sig=SECRET"
	e := manifest.Export{State: manifest.TokenStored, Token: manifest.NewSecret(token)}
	plain, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if shown := string(plain) + fmt.Sprintf("%v %+v %#v %s %q %x", e, e, e, e.Token, e.Token, e.Token); strings.Contains(shown, "SECRET") {
		t.Errorf("shown: %s", shown)
	}
	if stored, err := manifest.EncodeExport(&e); err != nil || !strings.Contains(string(stored), `"token": "`+token+`"`) {
		t.Errorf("stored: %s, %v", stored, err)
	}
	for name, bad := range map[string]manifest.Export{
		"omitted with token": {State: manifest.TokenOmitted, Token: e.Token},
		"sealed with token":  {State: manifest.TokenSealed, Token: e.Token, SealedToken: "x"},
		"stored without":     {State: manifest.TokenStored},
		"sealed without":     {State: manifest.TokenSealed},
		"no state":           {},
		"negative count":     {State: manifest.TokenNone, RegionCount: -1},
	} {
		if _, err := manifest.EncodeExport(&bad); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManifestRefused(t *testing.T) {
	for field, change := range map[string]func(*manifest.Manifest){
		"id":             func(m *manifest.Manifest) { m.ID = "0123ABCD" },
		"format":         func(m *manifest.Manifest) { m.Format = "tar" },
		"domains[0].id":  func(m *manifest.Manifest) { m.Domains[0].ID = "" },
		"projects[0].id": func(m *manifest.Manifest) { m.Projects[0].ID = "../../x" },
		"projects[1].id": func(m *manifest.Manifest) {
			m.Projects = append(m.Projects, m.Projects[0])
			m.Projects[1].ID = strings.ToUpper(idA)
		},
		"projects[0].outcome":      func(m *manifest.Manifest) { m.Projects[0].Outcome = "" },
		"projects[0].counts":       func(m *manifest.Manifest) { m.Projects[0].Counts.Models = -1 },
		"members[0].name":          func(m *manifest.Manifest) { m.Members[0].Name = "/README" },
		"members[1].name":          func(m *manifest.Manifest) { m.Members[1].Name = "readme" },
		"members[0].size":          func(m *manifest.Manifest) { m.Members[0].Size = -1 },
		"members[0].sha256":        func(m *manifest.Manifest) { m.Members[0].SHA256 = manifest.Digest{} },
		"members[1].offset":        func(m *manifest.Manifest) { m.Members[1].Offset = 0 },
		"objects.digest":           func(m *manifest.Manifest) { m.Objects.Digest = manifest.Digest{} },
		"parent.sha256":            func(m *manifest.Manifest) { m.Parent.SHA256 = manifest.Digest{} },
		"projects[0].domainId":     func(m *manifest.Manifest) { m.Projects[0].DomainID = "general" },
		"formatVersion":            func(m *manifest.Manifest) { m.FormatVersion = "" },
		"projects[0].counts.bytes": func(m *manifest.Manifest) { m.Projects[0].Counts.Bytes = -1 },
	} {
		m := sampleManifest()
		change(m)
		_, err := manifest.EncodeManifest(m)
		if fe, ok := errors.AsType[*manifest.FieldError](err); !ok || fe.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// FuzzImageRecord: what is decoded encodes, and decodes to the same record.
func FuzzImageRecord(f *testing.F) {
	f.Add([]byte(fullLine))
	f.Add([]byte(firstLine))
	f.Add([]byte(`{"id":"` + idA + `"}`))
	f.Add([]byte(`{"id":"` + idA + `","created":"2019-06-19T23:02:39.8757957","tags":[["` + idT + `",-86400.5],["` + idA + `",""]],"regions":[[1,"",0,1,2,3,4],["` + idA + `",null,1e1,1,2,3,4,"n"]]}`))
	f.Add([]byte(`{"id":"` + idA + `","regions":[{"tagId":"` + idT + `","left":"0.5","top":-0.0,"width":1E+2,"height":0}],"a":[],"B":"\ud800"}`))
	f.Add([]byte(`{"id":"` + idA + `","blob":"\u2028\u0007é","created":"\ufffd<\\","failure":{"item":"\ud800"}}`))
	f.Add([]byte(`{"id":"` + idA + `","regions":[{"box":[0.5,-0.0,1E+2,0],"tagId":"` + idT + `"}]}`))
	f.Add([]byte(`{"ID":"` + idA + `","iD":null,"tags":null,"metadata":{}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var img, again manifest.Image
		if manifest.DecodeImage(line, &img) != nil {
			return
		}
		first, err := manifest.AppendImage(nil, &img)
		if err != nil {
			t.Fatalf("decoded, and not encoded: %v", err)
		}
		if err := manifest.DecodeImage(first, &again); err != nil {
			t.Fatalf("encoded, and not decoded: %v\n%s", err, first)
		}
		second, err := manifest.AppendImage(nil, &again)
		if err != nil || string(first) != string(second) {
			t.Fatalf("not stable (%v):\n%s\n%s", err, first, second)
		}
		if diff := cmp.Diff(img, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("another record comes back (-was +is):\n%s", diff)
		}
	})
}
