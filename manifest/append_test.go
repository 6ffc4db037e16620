package manifest_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"cvarchive/manifest"
)

// everyByte yields text with each of its bytes replaced by every byte.
func everyByte(text string, yield func(string)) {
	for at := range len(text) {
		for b := range 256 {
			yield(text[:at] + string([]byte{byte(b)}) + text[at+1:])
		}
	}
}

// plainImage has something in every field, and nothing that is not as usual: but
// for what is changed, no check has a reason to look twice.
func plainImage() manifest.Image {
	lower := strings.ToLower(idT)
	return manifest.Image{
		ID: idA, Created: "2019-06-19T23:02:39.8757957", Width: 1125, Height: 900,
		Tags:       []manifest.ImageTag{{TagID: lower, TagName: "a", Created: "2019-06-19T23:02:39.8757957"}},
		Regions:    []manifest.Region{{ID: idA, TagID: lower, TagName: "b", Left: "0.1", Top: "0", Width: "0.75", Height: "0.33333334"}},
		Metadata:   map[string]string{"b": "2", "a": "1"},
		Iterations: []string{lower},
		Blob:       manifest.BlobResized,
		Object:     &manifest.Object{SHA256: digest(1), Size: 6 << 20, Ext: "jpg"},
		Failure:    &manifest.Failure{Item: "image", Message: "m"},
	}
}

// What is looked at while a line is made is refused as Validate refuses it,
// and nothing else is.
func TestAppendChecks(t *testing.T) {
	check := func(change func(*manifest.Image)) {
		t.Helper()
		img := plainImage()
		change(&img)
		_, err := manifest.AppendImage(nil, &img)
		if want := img.Validate(); fmt.Sprint(err) != fmt.Sprint(want) {
			t.Fatalf("%v instead of %v: %+v", err, want, img)
		}
	}
	texts := map[string]func(*manifest.Image, string){
		"id":        func(i *manifest.Image, s string) { i.ID = s },
		"tag":       func(i *manifest.Image, s string) { i.Tags[0].TagID = s },
		"tag name":  func(i *manifest.Image, s string) { i.Tags[0].TagName = s },
		"other tag": func(i *manifest.Image, s string) { i.Regions[0].TagID = s },
		"region":    func(i *manifest.Image, s string) { i.Regions[0].ID = s },
		"its name":  func(i *manifest.Image, s string) { i.Regions[0].TagName = s },
		"left":      func(i *manifest.Image, s string) { i.Regions[0].Left = json.Number(s) },
		"top":       func(i *manifest.Image, s string) { i.Regions[0].Top = json.Number(s) },
		"width":     func(i *manifest.Image, s string) { i.Regions[0].Width = json.Number(s) },
		"height":    func(i *manifest.Image, s string) { i.Regions[0].Height = json.Number(s) },
		"key":       func(i *manifest.Image, s string) { i.Metadata[s] = "" },
		"value":     func(i *manifest.Image, s string) { i.Metadata["a"] = s },
		"iteration": func(i *manifest.Image, s string) { i.Iterations[0] = s },
		"ext":       func(i *manifest.Image, s string) { i.Object.Ext = s },
		"created":   func(i *manifest.Image, s string) { i.Created = manifest.Timestamp(s) },
		"blob":      func(i *manifest.Image, s string) { i.Blob = s },
		"failure":   func(i *manifest.Image, s string) { i.Failure.Message = s },
	}
	for _, text := range []string{idA, "0.0", "0.12345", "0.123456", "0.1234567", "0.12345678", "0.1234567890123456", "0.12345678901234567", "ab", "ネジを", ""} {
		for _, set := range texts {
			check(func(i *manifest.Image) { set(i, text) })
			for at := range len(text) {
				for _, other := range "\x00\x1f \"\\+-./09:@AEFG`aefgz\x7f\u0080" {
					check(func(i *manifest.Image) { set(i, text[:at]+string(other)+text[at+1:]) })
				}
				check(func(i *manifest.Image) { set(i, text[:at]+"\xff"+text[at+1:]) })
			}
		}
	}
	check(func(i *manifest.Image) { i.Regions[0].Left = json.Number("0." + strings.Repeat("1", 63)) })
	check(func(i *manifest.Image) { i.Width = -1 })
	check(func(i *manifest.Image) { i.Height = -1 })
	check(func(i *manifest.Image) { i.Object.Size = -1 })
	check(func(i *manifest.Image) { i.Object.SHA256 = manifest.Digest{} })
}

// A text is written as encoding/json writes it, whatever its bytes are.
func TestEveryByteOfAText(t *testing.T) {
	for _, text := range []string{"1", "1234567", "12345678", "12345678 234567", "12345678 2345678"} {
		everyByte(text, func(text string) {
			line, err := manifest.AppendImage(nil, &manifest.Image{ID: idA, Created: manifest.Timestamp(text)})
			if err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			enc := json.NewEncoder(&want)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(text); err != nil {
				t.Fatal(err)
			}
			if got := line[len(`{"id":"aaaaaaaa000040008000000000000001","created":`):]; string(got) != string(bytes.TrimSpace(want.Bytes()))+"}" {
				t.Fatalf("%q is written %s", text, got)
			}
		})
	}
}

// Every byte in every place of a digest.
func TestEveryByteOfADigest(t *testing.T) {
	for b := range 256 {
		var d manifest.Digest
		for i := range d {
			d[i] = byte(b + i)
		}
		if got, want := string((manifest.Object{SHA256: d, Ext: "x"}).AppendLine(nil)), hex.EncodeToString(d[:])+" 0 x\n"; got != want {
			t.Fatalf("%q, not %q", got, want)
		}
	}
}
