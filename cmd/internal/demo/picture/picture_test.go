package picture

import (
	"bytes"
	"flag"
	"image"
	"image/draw"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	_ "golang.org/x/image/bmp"
)

var sheet = flag.String("sheet", "", "write a contact sheet (PNG) of every scene to this `file`")

type scene func(*rand.Rand) Picture

func scenes() map[string]scene {
	all := map[string]scene{"empty table": EmptyTable, "shelf": Shelf, "landscape": Landscape}
	for _, kind := range []string{Apple, Banana, Orange, Lemon, Pear, Grapes} {
		all[kind] = func(r *rand.Rand) Picture { return Fruit(r, kind) }
	}
	for _, kind := range []string{StopSign, NoEntry, YieldSign, SpeedLimit30, SpeedLimit50, ParkingSign, Crossing} {
		all["sign "+kind] = func(r *rand.Rand) Picture { return Street(r, Weather{}, kind) }
	}
	all["night"] = func(r *rand.Rand) Picture { return Street(r, Weather{Night: true}, StopSign, NoEntry) }
	all["snow"] = func(r *rand.Rand) Picture { return Street(r, Weather{Snow: true}, Crossing) }
	for _, defect := range []string{Scratch, Dent, Rust, Hole} {
		all["plate "+defect] = func(r *rand.Rand) Picture { return MetalPlate(r, defect) }
	}
	return all
}

func source(n uint64) *rand.Rand { return rand.New(rand.NewPCG(7, n)) }

func TestScenesAreDeterministicAndDistinct(t *testing.T) {
	seen := map[string]string{}
	var painted []Picture
	all := scenes()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		first, again, other := all[name](source(1)), all[name](source(1)), all[name](source(2))
		if !bytes.Equal(first.Image.Pix, again.Image.Pix) {
			t.Errorf("%s: the same seed painted two different pictures", name)
		}
		for _, p := range []Picture{first, other} {
			if twin, taken := seen[string(p.Image.Pix)]; taken {
				t.Errorf("%s is the picture of %s again", name, twin)
			}
			seen[string(p.Image.Pix)] = name
		}
		// Smaller pictures are scaled up by the service.
		if size := first.Image.Rect.Size(); min(size.X, size.Y) < 256 {
			t.Errorf("%s is %v pixels", name, size)
		}
		painted = append(painted, first)
	}
	if *sheet != "" {
		writeSheet(t, painted)
	}
}

// writeSheet lets people look: go test -sheet FILE.
func writeSheet(t *testing.T, pictures []Picture) {
	t.Helper()
	const w, h, columns = 320, 260, 6
	page := image.NewRGBA(image.Rect(0, 0, w*columns, h*((len(pictures)+columns-1)/columns)))
	for i, p := range pictures {
		at := image.Pt(i%columns*w, i/columns*h)
		draw.Draw(page, image.Rectangle{at, at.Add(image.Pt(w-4, h-4))}, p.Image, image.Point{}, draw.Src)
	}
	data, err := Picture{Image: page}.Encode(PNG)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*sheet, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestShelfKnowsWhereTheGoodsAre(t *testing.T) {
	goods, edges := 0, 0
	for n := range uint64(8) {
		p := Shelf(source(n))
		if len(p.Objects) < 4 {
			t.Errorf("seed %d: only %d goods on the shelf", n, len(p.Objects))
		}
		size := p.Image.Rect.Size()
		var covered []image.Rectangle
		for _, o := range p.Objects {
			b := o.Box
			if b.Left < 0 || b.Top < 0 || b.Width <= 0 || b.Height <= 0 || b.Left+b.Width > 1 || b.Top+b.Height > 1 {
				t.Errorf("seed %d: %s at %+v is not on the picture", n, o.Label, b)
			}
			area := image.Rect(
				int(b.Left*float64(size.X)+0.5), int(b.Top*float64(size.Y)+0.5),
				int((b.Left+b.Width)*float64(size.X)+0.5), int((b.Top+b.Height)*float64(size.Y)+0.5))
			for _, other := range covered {
				if area.Overlaps(other.Inset(2)) {
					t.Errorf("seed %d: goods at %v and %v stand in each other", n, area, other)
				}
			}
			covered = append(covered, area)
			foot := area.Max.Y - 3
			goods++
			if contrast(p.Image, area.Min.X-2, area.Min.X+2, foot) > 20 {
				edges++
			}
		}
	}
	// A box fits when there is an edge at its side. Some goods have the
	// colour of the wall; most do not.
	if edges*10 < goods*8 {
		t.Errorf("only %d of %d boxes have an edge on the picture where they begin", edges, goods)
	}
}

// contrast is the difference in brightness of two pixels of a row.
func contrast(img *image.RGBA, x0, x1, y int) int {
	sum := func(x int) int {
		px := img.RGBAAt(max(x, 0), y)
		return int(px.R) + int(px.G) + int(px.B)
	}
	return max(sum(x0)-sum(x1), sum(x1)-sum(x0))
}

func TestEncode(t *testing.T) {
	p := Street(source(1), Weather{}, StopSign)
	for f, want := range map[Format]string{JPEG: "jpeg", PNG: "png", BMP: "bmp", GIF: "gif"} {
		data, err := p.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		img, format, err := image.Decode(bytes.NewReader(data))
		if err != nil || format != want {
			t.Fatalf("%s: decoded as %q: %v", f, format, err)
		}
		if img.Bounds() != p.Image.Rect {
			t.Errorf("%s: bounds %v, want %v", f, img.Bounds(), p.Image.Rect)
		}
		if d := meanDifference(img, p.Image); d > 20 {
			t.Errorf("%s: channels are off by %d of 255 on average", f, d)
		}
	}
}

func meanDifference(a image.Image, b *image.RGBA) int {
	var sum, n int
	for y := 0; y < b.Rect.Dy(); y += 3 {
		for x := 0; x < b.Rect.Dx(); x += 3 {
			r, g, bl, _ := a.At(x, y).RGBA()
			px := b.RGBAAt(x, y)
			for _, d := range []int{int(r>>8) - int(px.R), int(g>>8) - int(px.G), int(bl>>8) - int(px.B)} {
				sum += max(d, -d)
				n++
			}
		}
	}
	return sum / n
}

func BenchmarkMetalPlateJPEG(b *testing.B) {
	for b.Loop() {
		if _, err := MetalPlate(source(1), Rust).Encode(JPEG); err != nil {
			b.Fatal(err)
		}
	}
}
