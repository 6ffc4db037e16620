package diff

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cvarchive/manifest"
)

// Side is one of the two inventories.
type Side struct {
	// Project gives name, description and settings. Where the comparison
	// is with a restored project, the caller puts the name and the domain
	// that were meant for it on the wanted side.
	Project manifest.Project
	// Tags are matched by name; their ImageCount is compared only when
	// images are not.
	Tags []manifest.Tag
	// ImageCount is the number of images; negative: not known.
	ImageCount int
	// Images lists the images in any order. nil: only counts are
	// compared. On the wanted side it is called up to twice and must give
	// the same images each time; on the other, once.
	Images func() iter.Seq2[Item, error]
}

// Options tune a comparison; the zero value is right for a proof.
type Options struct {
	// ReadOnlySettings compares also what no client can set
	// (useNegativeSet, detectionParameters).
	ReadOnlySettings bool
	// MaxChanges bounds the changes that are kept; 0: 1000. The rest is
	// counted.
	MaxChanges int
}

// Compare says what got differs in from want. An error is one of the image
// sequences'.
func Compare(want, got Side, opt Options) (*Result, error) {
	r := &Result{max: opt.MaxChanges}
	if r.max <= 0 {
		r.max = 1000
	}
	compareSettings(r, &want.Project, &got.Project, opt.ReadOnlySettings)
	deep := want.Images != nil && got.Images != nil
	compareTags(r, want.Tags, got.Tags, !deep)
	if deep {
		return r, compareImages(r, want.Images, got.Images)
	}
	if want.ImageCount >= 0 && got.ImageCount >= 0 && want.ImageCount != got.ImageCount {
		r.add(Change{Kind: ImageCount, Item: "images", Want: strconv.Itoa(want.ImageCount), Got: strconv.Itoa(got.ImageCount)})
	}
	return r, nil
}

func compareSettings(r *Result, want, got *manifest.Project, readOnly bool) {
	differ := func(name, w, g string) {
		if w != g {
			r.add(Change{Kind: Setting, Item: name, Want: w, Got: g})
		}
	}
	w, g := &want.Settings, &got.Settings
	differ("name", want.Name, got.Name)
	differ("description", want.Description, got.Description)
	differ("domainId", strings.ToLower(w.DomainID), strings.ToLower(g.DomainID))
	differ("classificationType", w.ClassificationType, g.ClassificationType)
	differ("targetExportPlatforms", set(w.TargetExportPlatforms), set(g.TargetExportPlatforms))
	differ("augmentationMethods", augmentation(w), augmentation(g))
	if readOnly {
		differ("useNegativeSet", optional(w.UseNegativeSet), optional(g.UseNegativeSet))
		differ("detectionParameters", w.DetectionParameters, g.DetectionParameters)
	}
}

func set(s []string) string {
	s = slices.Sorted(slices.Values(s))
	return strings.Join(slices.Compact(s), ", ")
}

func augmentation(s *manifest.ProjectSettings) string {
	if s.ImageProcessingSettings == nil {
		return ""
	}
	m := s.ImageProcessingSettings.AugmentationMethods
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s=%t", k, m[k]))
	}
	return strings.Join(out, ", ")
}

func optional(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

func compareTags(r *Result, want, got []manifest.Tag, counts bool) {
	byName := make(map[string]*manifest.Tag, len(got))
	for i := range got {
		byName[got[i].Name] = &got[i]
	}
	for i := range want {
		w := &want[i]
		g, ok := byName[w.Name]
		if !ok {
			r.add(Change{Kind: TagMissing, Item: w.Name, Want: w.Type})
			continue
		}
		delete(byName, w.Name)
		differ := func(field, a, b string) {
			if a != b {
				r.add(Change{Kind: TagChanged, Item: w.Name, Field: field, Want: a, Got: b})
			}
		}
		differ("type", w.Type, g.Type)
		differ("description", w.Description, g.Description)
		if counts {
			differ("image count", strconv.Itoa(w.ImageCount), strconv.Itoa(g.ImageCount))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		r.add(Change{Kind: TagExtra, Item: name, Got: byName[name].Type})
	}
}
