package simulator

import (
	"bytes"
	"maps"
	"strconv"
	"time"
)

// num is a number as the service keeps it: 32 bits, written as the shortest
// text that means the same, with ".0" after whole numbers.
type num float32

// MarshalJSON implements [json.Marshaler].
func (n num) MarshalJSON() ([]byte, error) { return n.appendJSON(nil), nil }

func (n num) appendJSON(b []byte) []byte {
	start := len(b)
	b = strconv.AppendFloat(b, float64(n), 'G', -1, 32)
	if !bytes.ContainsAny(b[start:], ".E") {
		b = append(b, ".0"...)
	}
	return b
}

// stamp writes a time as live services do: seven digits and no zone.
type stamp time.Time

// MarshalJSON implements [json.Marshaler].
func (s stamp) MarshalJSON() ([]byte, error) { return s.appendJSON(nil), nil }

func (s stamp) appendJSON(b []byte) []byte {
	return time.Time(s).UTC().AppendFormat(b, `"2006-01-02T15:04:05.0000000"`)
}

type wireProject struct {
	ID            string       `json:"id"`
	Name          string       `json:"name"`
	Description   string       `json:"description"`
	Settings      wireSettings `json:"settings"`
	Created       stamp        `json:"created"`
	LastModified  stamp        `json:"lastModified"`
	ThumbnailURI  string       `json:"thumbnailUri"`
	DRModeEnabled bool         `json:"drModeEnabled"`
	Status        string       `json:"status"`
}

type wireSettings struct {
	DomainID                string         `json:"domainId"`
	ClassificationType      *string        `json:"classificationType"`
	TargetExportPlatforms   []string       `json:"targetExportPlatforms"`
	UseNegativeSet          bool           `json:"useNegativeSet"`
	DetectionParameters     *string        `json:"detectionParameters"`
	ImageProcessingSettings wireProcessing `json:"imageProcessingSettings"`
	ExportModelContainerURI string         `json:"exportModelContainerUri,omitempty"`
	NotificationQueueURI    string         `json:"notificationQueueUri,omitempty"`
}

type wireProcessing struct {
	AugmentationMethods map[string]bool `json:"augmentationMethods"`
}

func (c *call) wireProject(p *project) wireProject {
	w := wireProject{
		ID: p.ID, Name: p.Name, Description: p.Description,
		Settings: wireSettings{
			DomainID: p.DomainID, ClassificationType: optional(p.Classification),
			TargetExportPlatforms: append([]string{}, p.Platforms...), UseNegativeSet: p.tagOfType(tagNegative) != nil,
			ImageProcessingSettings: wireProcessing{AugmentationMethods: maps.Clone(p.Augmentation)},
			ExportModelContainerURI: p.ExportContainer, NotificationQueueURI: p.NotificationQueue,
		},
		Created: stamp(p.Created), LastModified: stamp(p.Modified), DRModeEnabled: p.DR, Status: p.status(),
	}
	if p.Workspace.len() > 0 {
		w.ThumbnailURI = c.link("i-"+bare(p.ID), "t-"+bare(p.Workspace.order[0]))
	}
	return w
}

type wireTag struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Description *string `json:"description"`
	Type        string  `json:"type"`
	ImageCount  int     `json:"imageCount"`
}

type wireImage struct {
	ID               string            `json:"id"`
	Created          stamp             `json:"created"`
	Width            int               `json:"width"`
	Height           int               `json:"height"`
	ResizedImageURI  string            `json:"resizedImageUri"`
	ThumbnailURI     string            `json:"thumbnailUri"`
	OriginalImageURI string            `json:"originalImageUri"`
	Tags             []wireImageTag    `json:"tags"`
	Regions          []wireRegion      `json:"regions,omitempty"`
	Metadata         map[string]string `json:"metadata,omitempty"`
}

type wireImageTag struct {
	TagID   string  `json:"tagId"`
	TagName *string `json:"tagName"`
	Created stamp   `json:"created"`
}

type wireRegion struct {
	RegionID string  `json:"regionId"`
	TagName  *string `json:"tagName"`
	Created  stamp   `json:"created"`
	TagID    string  `json:"tagId"`
	Left     num     `json:"left"`
	Top      num     `json:"top"`
	Width    num     `json:"width"`
	Height   num     `json:"height"`
}

// wireImage describes an image, as an [imageList] does that of many; tags
// have the names of its tags and are nil where the service leaves them out.
func (c *call) wireImage(im *image, tags []*tag) wireImage {
	w := wireImage{
		ID: im.ID, Created: stamp(im.Created), Width: im.Width, Height: im.Height,
		Tags: wireImageTags(im, tags), Regions: wireRegions(im, tags), Metadata: im.Metadata,
	}
	w.ResizedImageURI, w.ThumbnailURI, w.OriginalImageURI = c.imageLinks(c.container(), im)
	return w
}

// container is where the project's pictures are.
func (c *call) container() string { return "i-" + bare(c.p.ID) }

func (c *call) imageLinks(container string, im *image) (resized, thumbnail, original string) {
	id := bare(im.ID)
	resized = c.link(container, "i-"+id)
	original = resized
	if im.Resized {
		original = c.link(container, "o-"+id)
	}
	return resized, c.link(container, "t-"+id), original
}

func wireImageTags(im *image, tags []*tag) []wireImageTag {
	var out []wireImageTag
	for _, t := range im.Tags {
		out = append(out, wireImageTag{TagID: t.TagID, TagName: tagName(tags, t.TagID), Created: stamp(t.Created)})
	}
	return out
}

func wireRegions(im *image, tags []*tag) []wireRegion {
	var out []wireRegion
	for _, r := range im.Regions {
		out = append(out, wireRegion{
			RegionID: r.ID, TagName: tagName(tags, r.TagID), Created: stamp(r.Created), TagID: r.TagID,
			Left: num(r.Left), Top: num(r.Top), Width: num(r.Width), Height: num(r.Height),
		})
	}
	return out
}

func tagName(tags []*tag, id string) *string {
	if t := findTag(tags, id); t != nil {
		return &t.Name
	}
	return nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
