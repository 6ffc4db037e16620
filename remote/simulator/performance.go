package simulator

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
)

type wirePerformance struct {
	PerTagPerformance     []wireTagPerformance `json:"perTagPerformance"`
	Precision             num                  `json:"precision"`
	PrecisionStdDeviation num                  `json:"precisionStdDeviation"`
	Recall                num                  `json:"recall"`
	RecallStdDeviation    num                  `json:"recallStdDeviation"`
	AveragePrecision      num                  `json:"averagePrecision"`
}

type wireTagPerformance struct {
	ID                    string `json:"id"`
	Name                  string `json:"name"`
	Precision             num    `json:"precision"`
	PrecisionStdDeviation num    `json:"precisionStdDeviation"`
	Recall                num    `json:"recall"`
	RecallStdDeviation    num    `json:"recallStdDeviation"`
	AveragePrecision      num    `json:"averagePrecision"`
}

// fraction is a number from 0 up to 1 that depends on nothing but the words.
func fraction(words ...any) float64 {
	h := fnv.New64a()
	fmt.Fprintln(h, words...)
	return float64(h.Sum64()%1_000_000) / 1_000_000
}

// tagPerformance makes up the numbers of one tag: good, better with more
// images, more precise and less complete with a higher threshold. They depend
// on names and counts only, so that an imported iteration has the same.
func tagPerformance(it *iteration, t *tag, count int, threshold float64) wireTagPerformance {
	skill := 1 - 0.35/(1+float64(count)/8) - 0.1*fraction(it.Name, t.Name)
	precision := min(1, skill+(threshold-0.5)*0.2)
	recall := min(1, skill-(threshold-0.5)*0.4)
	return wireTagPerformance{
		ID: t.ID, Name: t.Name, Precision: num(precision), Recall: num(recall), AveragePrecision: num((precision + recall) / 2),
	}
}

func (c *call) fractionOf(name string, def float64) (float64, error) {
	text := c.query[name]
	if text == "" {
		return def, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < 0 || v > 1 {
		return 0, refuse("BadRequestInvalid", "%s must be between 0 and 1.", name)
	}
	return v, nil
}

func getIterationPerformance(c *call) (int, any, error) {
	it, err := c.trainedIteration()
	if err != nil {
		return 0, nil, err
	}
	threshold, err := c.fractionOf("threshold", 0.5)
	if err != nil {
		return 0, nil, err
	}
	overlap, err := c.fractionOf("overlapthreshold", 0.3)
	if err != nil {
		return 0, nil, err
	}
	if c.p.detection() {
		threshold = min(1, threshold+overlap/10)
	}
	counts := scope{it.Images, it.Tags}.countTags()
	out := wirePerformance{PerTagPerformance: []wireTagPerformance{}}
	for _, t := range it.Tags {
		tp := tagPerformance(it, t, counts[t.ID], threshold)
		out.PerTagPerformance = append(out.PerTagPerformance, tp)
		share := num(1 / float32(len(it.Tags)))
		out.Precision += tp.Precision * share
		out.Recall += tp.Recall * share
		out.AveragePrecision += tp.AveragePrecision * share
	}
	return 200, out, nil
}

type wireImagePerformance struct {
	ID           string           `json:"id"`
	Created      stamp            `json:"created"`
	Width        int              `json:"width"`
	Height       int              `json:"height"`
	ImageURI     string           `json:"imageUri"`
	ThumbnailURI string           `json:"thumbnailUri"`
	Tags         []wireImageTag   `json:"tags"`
	Regions      []wireRegion     `json:"regions"`
	Predictions  []wirePrediction `json:"predictions"`
}

type wirePrediction struct {
	Probability num      `json:"probability"`
	TagID       string   `json:"tagId"`
	TagName     string   `json:"tagName"`
	BoundingBox *wireBox `json:"boundingBox"`
	TagType     string   `json:"tagType"`
}

type wireBox struct {
	Left   num `json:"left"`
	Top    num `json:"top"`
	Width  num `json:"width"`
	Height num `json:"height"`
}

// performanceScope selects the tagged images of the path's iteration.
func (c *call) performanceScope(tagLimit int) (scope, []string, error) {
	it, err := c.trainedIteration()
	if err != nil {
		return scope{}, nil, err
	}
	s := scope{it.Images, it.Tags}
	ids, err := c.selection(s, "Tagged", tagLimit)
	return s, ids, err
}

func getImagePerformances(c *call) (int, any, error) {
	s, ids, err := c.performanceScope(maxBatchTags)
	if err != nil {
		return 0, nil, err
	}
	p, err := c.page()
	if err != nil {
		return 0, nil, err
	}
	list := []wireImagePerformance{}
	for _, id := range p.cut(ids) {
		im := s.images.get(id)
		w := wireImagePerformance{
			ID: im.ID, Created: stamp(im.Created), Width: im.Width, Height: im.Height,
			Tags: wireImageTags(im, s.tags), Regions: wireRegions(im, s.tags), Predictions: predictions(im, s.tags),
		}
		w.ImageURI, w.ThumbnailURI, _ = c.imageLinks(c.container(), im)
		list = append(list, w)
	}
	return 200, list, nil
}

func getImagePerformanceCount(c *call) (int, any, error) {
	_, ids, err := c.performanceScope(maxPage)
	if err != nil {
		return 0, nil, err
	}
	return 200, len(ids), nil
}

// predictions finds on the image what is on it, with a made-up certainty.
func predictions(im *image, tags []*tag) []wirePrediction {
	out := []wirePrediction{}
	for _, t := range tags {
		p := wirePrediction{TagID: t.ID, TagName: t.Name, TagType: t.Type, Probability: num(0.6 + 0.4*fraction(im.Original.Hash, t.Name))}
		i := slices.IndexFunc(im.Regions, func(r region) bool { return r.TagID == t.ID })
		switch {
		case i >= 0:
			r := im.Regions[i]
			p.BoundingBox = &wireBox{num(r.Left), num(r.Top), num(r.Width), num(r.Height)}
		case !im.hasTag(t.ID):
			p.Probability = num(0.2 * fraction(im.Original.Hash, t.Name))
		}
		out = append(out, p)
	}
	return out
}
