package torture

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
)

// Resources, by their names in the config, and where the service has them.
var regions = map[string]string{"weu": "westeurope", "neu": "northeurope"}

const trainingKey = "0123456789abcdef0123456789abcdef"

// account is what the simulated service holds, and all states that it ever
// had.
type account struct {
	t       *testing.T
	svc     *simulator.Service
	gremlin *gremlin
	url     string // through the gremlin
	clients map[string]*customvision.Client

	projects []*project

	mu    sync.Mutex // one change at a time
	drawn int
	log   []change                   // every change of any project, in order
	truth map[string]manifest.Digest // the bytes of every image that ever was
	uses  map[manifest.Digest]int    // images by their bytes
	moves int

	seeing  sync.Mutex
	fetched map[string]int // downloads by image since they were last taken
	expired int            // downloads refused with 403
}

// project is one project of the account. Its state is a mirror that follows
// each change.
type project struct {
	source, id, name string
	detection        bool
	tags             []string
	state            map[string]string // images of the workspace, see imageState
	order            []string          // their ids
	trained          map[string]bool   // images of its iteration
}

// change is one step of a project from one state to the next.
type change struct {
	project *project
	to      map[string]string // images by id; "" when it is gone
}

// newAccount makes the projects, with so many images in the largest.
func newAccount(t *testing.T, largest int) *account {
	t.Helper()
	opt := simulator.Options{TrainDuration: -1, ExportDuration: -1}
	for _, region := range slices.Sorted(maps.Values(regions)) {
		opt.Resources = append(opt.Resources, simulator.ResourceOptions{Name: region, Key: trainingKey})
	}
	svc, err := simulator.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	a := &account{
		t: t, svc: svc, gremlin: &gremlin{next: svc}, clients: map[string]*customvision.Client{},
		truth: map[string]manifest.Digest{}, uses: map[manifest.Digest]int{}, fetched: map[string]int{},
	}
	a.gremlin.log = a.note
	a.url = serve(t, a.gremlin)
	direct := serve(t, svc)
	for name, region := range regions {
		a.clients[name], err = customvision.New(customvision.Options{
			Name: name, Endpoint: direct + "/" + region, TrainingKey: manifest.NewSecret(trainingKey), CallsPerSecond: -1,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const general, detection, compact = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31", "da2e3a8a-40a5-4171-82f4-58522f70fbc1", "0732100f-1a38-4e49-a514-c9b44c697ab5"
	if largest > 0 {
		a.create("weu", "many", general, largest)
		a.create("weu", "boxes", detection, largest/2)
		a.train(a.create("weu", "trained", compact, 60))
		drawn := a.drawn
		a.drawn = 0 // the other resource has some of the same pictures
		a.create("neu", "elsewhere", general, largest/4)
		a.drawn = max(drawn, a.drawn)
	}
	return a
}

// note watches what the program asks for.
func (a *account) note(r *http.Request, status int) {
	_, blob, ok := strings.Cut(r.URL.Path, "/blob/i-")
	if !ok || r.Method != http.MethodGet {
		return
	}
	a.seeing.Lock()
	defer a.seeing.Unlock()
	if status == http.StatusForbidden {
		a.expired++
		return
	}
	_, name, _ := strings.Cut(blob, "/")
	_, id, _ := strings.Cut(name, "-")
	a.fetched[strings.ReplaceAll(id, "-", "")]++
}

// downloads returns the images that were asked for since the last time.
func (a *account) downloads() map[string]int {
	a.seeing.Lock()
	defer a.seeing.Unlock()
	f := a.fetched
	a.fetched = map[string]int{}
	return f
}

func (a *account) refusals() int {
	a.seeing.Lock()
	defer a.seeing.Unlock()
	return a.expired
}

// create makes a project with images, which are its first state.
func (a *account) create(source, name, domain string, images int) *project {
	a.t.Helper()
	ctx, client := a.t.Context(), a.clients[source]
	created, err := client.CreateProject(ctx, manifest.NewProject{Name: name, DomainID: domain, ClassificationType: "Multilabel"})
	if err != nil {
		a.t.Fatal(err)
	}
	p := &project{source: source, id: created.ID, name: name, detection: strings.HasPrefix(domain, "da2e"), state: map[string]string{}}
	for i := range 4 {
		tag, err := client.CreateTag(ctx, p.id, manifest.Tag{Name: fmt.Sprintf("tag %d", i), Type: manifest.TagRegular})
		if err != nil {
			a.t.Fatal(err)
		}
		p.tags = append(p.tags, tag.ID)
	}
	a.projects = append(a.projects, p)
	rng := rand.New(rand.NewPCG(uint64(images), 1))
	for left := images; left > 0; left -= manifest.MaxBatch {
		a.add(p, rng, min(left, manifest.MaxBatch))
	}
	return p
}

// train gives a project an iteration with an exported model.
func (a *account) train(p *project) {
	a.t.Helper()
	client := a.clients[p.source]
	it, err := client.Train(a.t.Context(), p.id, manifest.TrainOptions{ForceTrain: true})
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := client.ExportIteration(a.t.Context(), p.id, it.ID, "ONNX", ""); err != nil {
		a.t.Fatal(err)
	}
	p.trained = map[string]bool{}
	for id := range p.state {
		p.trained[id] = true
	}
}

// now returns how many changes there were.
func (a *account) now() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.log)
}

// disturb makes a random change of a random project of a resource, or of any
// project when source is empty.
func (a *account) disturb(rng *rand.Rand, source string) {
	var of []*project
	for _, p := range a.projects {
		if source == "" || p.source == source {
			of = append(of, p)
		}
	}
	p := of[rng.IntN(len(of))]
	a.mu.Lock()
	images := len(p.order)
	a.moves++
	a.mu.Unlock()
	switch n := rng.IntN(7); {
	case n == 0 || images < 10:
		a.add(p, rng, 1+rng.IntN(3))
	case n == 1:
		a.remove(p, rng, 1+rng.IntN(3))
	case n == 2:
		a.label(p, rng)
	case n == 3:
		a.describe(p, rng)
	case n == 4 && p.detection:
		a.unlabelBox(p, rng)
	case n == 5 && p.detection:
		a.moveBox(p, rng)
	case n == 5:
		a.relabel(p, rng)
	default:
		a.unlabel(p, rng)
	}
}

// step makes one change, then looks at the images that it was about.
func (a *account) step(p *project, do func(ctx context.Context, c *customvision.Client) ([]string, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ctx := context.Background() // the change may come at the very end
	ids, err := do(ctx, a.clients[p.source])
	if err != nil {
		a.t.Errorf("change the project %s: %v", p.name, err)
		return
	}
	c := change{project: p, to: map[string]string{}}
	for _, id := range ids {
		c.to[id] = ""
	}
	images, err := a.clients[p.source].ImagesByIDs(ctx, p.id, "", ids)
	if err != nil {
		a.t.Errorf("look at the images that were changed: %v", err)
		return
	}
	for i := range images {
		c.to[images[i].ID] = imageState(&images[i].Image)
	}
	a.log = append(a.log, c)
	for _, id := range ids { // in this order, so that a seed chooses the same again
		state := c.to[id]
		_, there := p.state[id]
		if state == "" {
			delete(p.state, id)
			p.order = slices.DeleteFunc(p.order, func(x string) bool { return x == id })
			continue
		}
		if !there {
			p.order = append(p.order, id)
		}
		p.state[id] = state
	}
}

// imageState is what is compared of an image: its tags, regions and metadata.
func imageState(img *manifest.Image) string {
	var tags, regions []string
	for _, t := range img.Tags {
		tags = append(tags, t.TagID)
	}
	for _, r := range img.Regions {
		regions = append(regions, fmt.Sprintf("%s:%s %s,%s", r.ID, r.TagID, r.Left, r.Top))
	}
	slices.Sort(tags)
	slices.Sort(regions)
	return fmt.Sprintf("tags %s regions %s metadata %v", strings.Join(tags, ","), strings.Join(regions, ","), img.Metadata)
}

// add uploads new pictures, a few of them labelled.
func (a *account) add(p *project, rng *rand.Rand, n int) {
	a.step(p, func(ctx context.Context, c *customvision.Client) ([]string, error) {
		var b manifest.ImageBatch
		for i := range n {
			a.drawn++
			img := manifest.NewImage{Name: strconv.Itoa(i), Contents: picture(a.drawn)}
			tag := p.tags[rng.IntN(len(p.tags))]
			switch {
			case p.detection && rng.IntN(4) > 0:
				img.Regions = []manifest.Region{box(rng, tag)}
			case !p.detection && rng.IntN(4) > 0:
				img.TagIDs = []string{tag}
			}
			b.Images = append(b.Images, img)
		}
		sum, err := c.CreateImagesFromFiles(ctx, p.id, b)
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, r := range sum.Images {
			if r.Status != manifest.ImageOK {
				return nil, fmt.Errorf("an upload is %s", r.Status)
			}
			i, err := strconv.Atoi(r.SourceURL)
			if err != nil {
				return nil, err
			}
			digest := manifest.Digest(sha256.Sum256(b.Images[i].Contents))
			a.truth[r.Image.ID] = digest
			a.uses[digest]++
			ids = append(ids, r.Image.ID)
		}
		return ids, nil
	})
}

func box(rng *rand.Rand, tag string) manifest.Region {
	return manifest.Region{TagID: tag, Left: number(0.5 * rng.Float64()), Top: number(0.5 * rng.Float64()), Width: "0.25", Height: "0.125"}
}

func (a *account) remove(p *project, rng *rand.Rand, n int) {
	a.step(p, func(ctx context.Context, c *customvision.Client) ([]string, error) {
		var ids []string
		for range n {
			if id := p.order[rng.IntN(len(p.order))]; !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		return ids, c.DeleteImages(ctx, p.id, customvision.ImageDeletion{IDs: ids})
	})
}

// label puts a tag, or a region, on an image.
func (a *account) label(p *project, rng *rand.Rand) {
	a.step(p, func(ctx context.Context, c *customvision.Client) ([]string, error) {
		id, tag := p.order[rng.IntN(len(p.order))], p.tags[rng.IntN(len(p.tags))]
		if !p.detection {
			_, err := c.CreateImageTags(ctx, p.id, []manifest.ImageTagEntry{{ImageID: id, TagID: tag}})
			return []string{id}, err
		}
		_, err := c.CreateImageRegions(ctx, p.id, []manifest.ImageRegionEntry{{ImageID: id, Region: box(rng, tag)}})
		return []string{id}, err
	})
}

// unlabel takes a tag off two images, if they have it.
func (a *account) unlabel(p *project, rng *rand.Rand) {
	a.step(p, func(ctx context.Context, c *customvision.Client) ([]string, error) {
		ids := []string{p.order[rng.IntN(len(p.order))], p.order[rng.IntN(len(p.order))]}
		return ids, c.DeleteImageTags(ctx, p.id, ids, p.tags[:1+rng.IntN(len(p.tags))])
	})
}

// relabel takes a tag off one image and puts it on another: the number of
// images that have it stays, if the first had it and the second did not.
func (a *account) relabel(p *project, rng *rand.Rand) {
	tag := p.tags[rng.IntN(len(p.tags))]
	a.step(p, func(ctx context.Context, c *customvision.Client) ([]string, error) {
		ids := []string{p.order[rng.IntN(len(p.order))]}
		return ids, c.DeleteImageTags(ctx, p.id, ids, []string{tag})
	})
	a.step(p, func(ctx context.Context, c *customvision.Client) ([]string, error) {
		ids := []string{p.order[rng.IntN(len(p.order))]}
		_, err := c.CreateImageTags(ctx, p.id, []manifest.ImageTagEntry{{ImageID: ids[0], TagID: tag}})
		return ids, err
	})
}

// describe gives some images other metadata at once, which no count shows.
func (a *account) describe(p *project, rng *rand.Rand) {
	a.step(p, func(ctx context.Context, c *customvision.Client) ([]string, error) {
		var ids []string
		for range 4 {
			if id := p.order[rng.IntN(len(p.order))]; !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		_, err := c.UpdateImageMetadata(ctx, p.id, ids, map[string]string{"seen": strconv.Itoa(rng.IntN(1000))})
		return ids, err
	})
}

// moveBox puts a region of an image somewhere else, which is one region less
// and one more.
func (a *account) moveBox(p *project, rng *rand.Rand) {
	a.unlabelBox(p, rng)
	a.label(p, rng)
}

// unlabelBox deletes the first region of an image that has one.
func (a *account) unlabelBox(p *project, rng *rand.Rand) {
	a.step(p, func(ctx context.Context, c *customvision.Client) ([]string, error) {
		id := p.order[rng.IntN(len(p.order))]
		images, err := c.ImagesByIDs(ctx, p.id, "", []string{id})
		if err != nil || len(images) == 0 || len(images[0].Regions) == 0 {
			return []string{id}, err
		}
		return []string{id}, c.DeleteImageRegions(ctx, p.id, []string{images[0].Regions[0].ID})
	})
}

func number(f float64) json.Number { return json.Number(strconv.FormatFloat(f, 'f', 4, 64)) }
