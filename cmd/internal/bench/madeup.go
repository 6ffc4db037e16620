package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cvarchive/manifest"
)

// madeUpSpec says how much a made-up resource has.
type madeUpSpec struct {
	Projects int `json:"projects"`
	Images   int `json:"images"` // in each
}

// madeUp is a Custom Vision resource of so many projects and images that
// none of them is stored: each answer is made when it is asked for. It has
// what a backup of the records reads, and no bytes.
type madeUp struct {
	madeUpSpec
	numbers map[string]int // of projects, by id
}

func newMadeUp(s madeUpSpec) *madeUp {
	m := &madeUp{s, map[string]int{}}
	for i := range s.Projects {
		m.numbers[newRecordMaker(i, false, 0).id()] = i
	}
	return m
}

// ServeHTTP implements [http.Handler], by what the path has after the API's.
func (m *madeUp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(r.URL.Path, "/training/")
	parts := strings.Split(path, "/")
	var answer any
	switch {
	case path == "domains":
		answer = []any{map[string]any{"id": detectionDomain, "name": "General", "type": manifest.ObjectDetection, "exportable": false, "enabled": true}}
	case path == "projects":
		all := []any{}
		for i := range m.Projects {
			all = append(all, m.project(i))
		}
		answer = all
	case len(parts) > 1 && parts[0] == "projects":
		if number, ok := m.numbers[parts[1]]; ok {
			answer = m.part(number, strings.Join(parts[2:], "/"), r)
		}
	}
	if answer == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client sees what is missing
}

func (m *madeUp) project(i int) any {
	entry, members := newRecordMaker(i, false, 0).members(m.Images)
	return map[string]any{
		"id": entry.ID, "name": entry.Name, "description": "", "created": members.Project.Created, "lastModified": timestamp(lastLabelled),
		"settings": map[string]any{"domainId": detectionDomain},
	}
}

func (m *madeUp) part(project int, part string, r *http.Request) any {
	maker := newRecordMaker(project, false, 0)
	switch part {
	case "":
		return m.project(project)
	case "tags":
		return m.tags(maker)
	case "iterations":
		return []any{}
	case "export":
		return map[string]any{"iterationCount": 0, "imageCount": m.Images, "tagCount": recordTags, "regionCount": 3 * m.Images, "estimatedImportTimeInMS": 1, "token": "made up"}
	case "images":
		skip, _ := strconv.Atoi(r.URL.Query().Get("skip"))
		take, _ := strconv.Atoi(r.URL.Query().Get("take"))
		page := []listedImage{}
		for i := skip; i < min(skip+take, m.Images); i++ {
			page = append(page, listed(maker.record(i)))
		}
		return page
	}
	return nil
}

// lastLabelled is after everything that was done to images, so that no project
// looks as if it had changed without saying so, and is listed twice.
var lastLabelled = firstUpload.AddDate(0, 1, 0)

// tags are those of a project with the number of images that each has.
func (m *madeUp) tags(maker *recordMaker) []manifest.Tag {
	images := map[string]int{}
	for i := range m.Images {
		images[maker.record(i).Tags[0].TagID]++
	}
	tags := slices.Clone(maker.tags)
	for i := range tags {
		tags[i].ImageCount = images[tags[i].ID]
	}
	return tags
}

// listedImage is an image as the service lists it.
type listedImage struct {
	ID               string              `json:"id"`
	Created          manifest.Timestamp  `json:"created"`
	Width            int                 `json:"width"`
	Height           int                 `json:"height"`
	ResizedImageURI  string              `json:"resizedImageUri"`
	ThumbnailURI     string              `json:"thumbnailUri"`
	OriginalImageURI string              `json:"originalImageUri"`
	Tags             []manifest.ImageTag `json:"tags"`
	Regions          []manifest.Region   `json:"regions"`
	Metadata         map[string]string   `json:"metadata,omitempty"`
}

func listed(img *manifest.Image) listedImage {
	link := "http://127.0.0.1/blob/i-" + img.ID + "?sv=2017-04-17&sr=b&sig=bWFkZSB1cA%3D%3D&se=2036-03-02T08%3A00%3A00Z&sp=r"
	return listedImage{img.ID, img.Created, img.Width, img.Height, link, link, link, img.Tags, img.Regions, img.Metadata}
}
