package demo

import (
	"fmt"
	"math/rand/v2"

	"cvarchive/cmd/internal/demo/picture"
	"cvarchive/manifest"
)

// sampleProject is one project of the sample account.
type sampleProject struct {
	name, description string
	domain            string // by name, since ids differ between clouds
	kind              string // manifest.Classification, manifest.ObjectDetection
	classification    string // Multiclass, Multilabel; empty for detection
	platforms         []string
	augmentation      map[string]bool
	tags              []manifest.Tag
	stages            []stage
}

// stage is a part of a project's history: photographs are uploaded, the
// project is trained on all that it has, and the result is put to use.
type stage struct {
	photos  []photo
	train   bool
	publish string    // the published name
	export  [2]string // platform and flavor of a model export
	// discard is how many of the stage's photographs are deleted from the
	// workspace after the training; the iteration goes on holding them.
	discard int
}

// photo is one photograph and its labels.
type photo struct {
	paint    func(*rand.Rand) picture.Picture
	format   picture.Format
	tags     []string
	regions  bool // the painted objects become regions, labelled by tag
	metadata map[string]string
}

// sampleAccount lists the projects, in the order of their creation.
func sampleAccount() []sampleProject {
	return []sampleProject{fruitBowl(), streetSigns(), shelfWatch(), metalPlates(), trailCamera(), emptyProject()}
}

// fruitBowl is a multiclass project with a negative tag on a compact domain:
// trained twice, the second time published and exported. One photograph of
// the first training was discarded since.
func fruitBowl() sampleProject {
	p := sampleProject{
		name: "Fruit bowl", description: "What lies on the canteen's tray; the till reads it.",
		domain: "Food (compact)", kind: manifest.Classification, classification: "Multiclass",
		platforms:    []string{"TensorFlow", "ONNX"},
		augmentation: map[string]bool{"rotation": true, "scaling": true, "translation": false, "horizontal flip": false, "equalize": true, "solarize": false},
	}
	first, second := stage{train: true, discard: 1}, stage{train: true, publish: "till", export: [2]string{"TensorFlow", "TensorFlowLite"}}
	for _, kind := range []string{picture.Apple, picture.Banana, picture.Grapes, picture.Lemon, picture.Orange, picture.Pear} {
		p.tags = append(p.tags, manifest.Tag{Name: kind, Type: manifest.TagRegular})
		fruit := photo{
			paint:  func(r *rand.Rand) picture.Picture { return picture.Fruit(r, kind) },
			format: picture.JPEG, tags: []string{kind},
		}
		first.photos = append(first.photos, repeat(fruit, 6)...)
		second.photos = append(second.photos, repeat(fruit, 3)...)
	}
	p.tags = append(p.tags, manifest.Tag{Name: "empty tray", Type: manifest.TagNegative, Description: "nothing that the till knows"})
	empty := photo{paint: picture.EmptyTable, format: picture.JPEG, tags: []string{"empty tray"}}
	first.photos = append(first.photos, repeat(empty, 6)...)
	second.photos = append(second.photos, repeat(empty, 2)...)
	p.stages = []stage{first, second}
	return p
}

// streetSigns is a multilabel project with names in several scripts, and
// photographs in every format, some still without a tag.
func streetSigns() sampleProject {
	p := sampleProject{
		name:        "Straßenschilder · إشارات المرور 🚦",
		description: "Quels panneaux, par quel temps ? «Übergabe an die Stadtwerke»",
		domain:      "General", kind: manifest.Classification, classification: "Multilabel",
	}
	names := map[string]string{
		picture.StopSign: "Stoppschild", picture.NoEntry: "ممنوع الدخول", picture.YieldSign: "Vorfahrt gewähren",
		picture.SpeedLimit30: "30 km/h", picture.ParkingSign: "parking 🅿️", picture.Crossing: "passage piéton",
	}
	kinds := []string{picture.StopSign, picture.NoEntry, picture.YieldSign, picture.SpeedLimit30, picture.ParkingSign, picture.Crossing}
	for _, kind := range kinds {
		p.tags = append(p.tags, manifest.Tag{Name: names[kind], Type: manifest.TagRegular})
	}
	const night, snow = "nuit étoilée", "雪"
	p.tags = append(p.tags,
		manifest.Tag{Name: night, Type: manifest.TagRegular, Description: "taken after dusk"},
		manifest.Tag{Name: snow, Type: manifest.TagRegular})

	formats := []picture.Format{picture.JPEG, picture.PNG, picture.JPEG, picture.GIF, picture.JPEG, picture.BMP}
	var s stage
	for i := range 48 {
		signs := []string{kinds[i%len(kinds)]}
		if i%5 == 4 {
			signs = append(signs, kinds[(i+2)%len(kinds)])
		}
		weather := picture.Weather{Night: i%4 == 1, Snow: i%7 == 3}
		shot := photo{
			paint:  func(r *rand.Rand) picture.Picture { return picture.Street(r, weather, signs...) },
			format: formats[i/2%len(formats)],
		}
		if i < 44 { // the rest has not been sorted yet
			for _, kind := range signs {
				shot.tags = append(shot.tags, names[kind])
			}
			if weather.Night {
				shot.tags = append(shot.tags, night)
			}
			if weather.Snow {
				shot.tags = append(shot.tags, snow)
			}
		}
		s.photos = append(s.photos, shot)
	}
	s.train, s.publish = true, "panneaux"
	p.stages = []stage{s}
	return p
}

// shelfWatch is object detection: every photograph has regions, and metadata
// that says which camera took it.
func shelfWatch() sampleProject {
	p := sampleProject{
		name: "Shelf watch", description: "Counts what is left on the shelves.",
		domain: "Products on Shelves", kind: manifest.ObjectDetection,
		tags: []manifest.Tag{
			{Name: picture.Bottle, Type: manifest.TagRegular},
			{Name: picture.Can, Type: manifest.TagRegular},
			{Name: picture.Carton, Type: manifest.TagRegular, Description: "a box with a printed front"},
		},
	}
	var s stage
	for i, camera := range []string{"aisle 3", "aisle 4", "entrance"} {
		s.photos = append(s.photos, repeat(photo{
			paint: picture.Shelf, format: picture.JPEG, regions: true,
			metadata: map[string]string{"camera": camera, "shop": "Málaga", "plan": fmt.Sprintf("2026-%02d", 9+i)},
		}, 8)...)
	}
	s.train, s.publish = true, "shelf-watch"
	p.stages = []stage{s}
	return p
}

// metalPlates is larger than a page of a listing and many batches of an
// upload.
func metalPlates() sampleProject {
	p := sampleProject{
		name: "Metal plates, line 4", description: "Surface defects, as the inspection camera sees them.",
		domain: "General (compact) [S1]", kind: manifest.Classification, classification: "Multilabel",
		platforms: []string{"ONNX"},
	}
	defects := []string{picture.Scratch, picture.Dent, picture.Rust, picture.Hole}
	for _, defect := range defects {
		p.tags = append(p.tags, manifest.Tag{Name: defect, Type: manifest.TagRegular})
	}
	const sound = "no defect"
	p.tags = append(p.tags, manifest.Tag{Name: sound, Type: manifest.TagNegative})
	var s stage
	for i := range 640 {
		var found []string
		switch {
		case i%4 != 0:
			found = []string{defects[(i+i/4)%4]}
		case i%3 == 0:
			found = []string{defects[i/4%4], defects[(i/4+1)%4]}
		}
		plate := photo{
			paint:  func(r *rand.Rand) picture.Picture { return picture.MetalPlate(r, found...) },
			format: picture.JPEG, tags: found,
		}
		if len(found) == 0 {
			plate.tags = []string{sound}
		}
		s.photos = append(s.photos, plate)
	}
	s.train = true
	p.stages = []stage{s}
	return p
}

// trailCamera has nothing but untagged images.
func trailCamera() sampleProject {
	return sampleProject{
		name: "Trail camera, unsorted", description: "Straight from the card; nobody has looked yet.",
		domain: "Landmarks", kind: manifest.Classification, classification: "Multiclass",
		stages: []stage{{photos: repeat(photo{paint: picture.Landscape, format: picture.JPEG}, 16)}},
	}
}

// emptyProject has settings and nothing else.
func emptyProject() sampleProject {
	return sampleProject{
		name: "Pilot 2027", description: "Set up for the new line; no pictures so far.",
		domain: "General", kind: manifest.ObjectDetection,
	}
}

func repeat(p photo, n int) []photo {
	out := make([]photo, n)
	for i := range out {
		out[i] = p
	}
	return out
}
