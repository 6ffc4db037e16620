package simulator

import (
	"encoding/json"
	"testing"
	"time"
)

// TestImageListIsWhatItsImagesAre holds the answer that is written by hand
// against encoding/json.
func TestImageListIsWhatItsImagesAre(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456700, time.UTC)
	project := &project{ID: "11111111-2222-4333-8444-555555555555"}
	tags := []*tag{{ID: "a", Name: "plain"}, {ID: "b", Name: `"<é>&` + "\u2028\n\xff"}}
	images := []*image{
		{ID: "0a-1b", Created: at, Width: 640, Height: 480},
		{ID: "2c-3d", Created: at.Truncate(time.Second), Resized: true, Tags: []imageTag{{"a", at}, {"gone", at}}, Regions: []region{}},
		{
			ID: "4e-5f", Tags: []imageTag{{"b", at}}, Metadata: map[string]string{"z": "&", "a": "", "\x7f<\\": "ä\t"},
			Regions: []region{{"r", "b", at, 0, 1, 0.1, 1e-7}, {"s", "gone", at, 0.25, 1e-30, 0.33333334, 0.5}},
		},
		{Metadata: map[string]string{}},
	}
	for name, opt := range map[string]ResourceOptions{"signed": {Name: "West", Key: "k"}, "network": {Name: "West", Key: "k", VNET: true}} {
		s, err := New(Options{Resources: []ResourceOptions{opt}})
		if err != nil {
			t.Fatal(err)
		}
		c := &call{s: s, r: s.Resource("West"), base: "http://127.0.0.1", now: at, p: project}
		plain := []wireImage{}
		for n := range len(images) + 1 {
			want, err := json.Marshal(plain)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.listOf(images[:n], scope{tags: tags}).appendJSON(nil); string(got) != string(want) {
				t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
			}
			if n < len(images) {
				plain = append(plain, c.wireImage(images[n], tags))
			}
		}
	}
}
