package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"

	"cvarchive/archive"
	"cvarchive/manifest"
)

// recordMaker makes image records as a labelled account has them: random ids
// and digests, three boxes on the pixels of the picture, drawn and saved
// together some time after the upload, one tag, metadata on three of ten.
type recordMaker struct {
	project int
	objects bool // with the bytes' digests
	version int  // in each later one, a per cent of the records is labelled differently
	tags    []manifest.Tag
}

const recordTags = 60

func newRecordMaker(project int, objects bool, version int) *recordMaker {
	m := &recordMaker{project: project, objects: objects, version: version}
	for i := range recordTags {
		m.tags = append(m.tags, manifest.Tag{ID: m.uuid(uint64(i), 9), Name: fmt.Sprintf("tag %d", i), Type: manifest.TagRegular})
	}
	return m
}

// uuid is a random one, the same for the same numbers.
func (m *recordMaker) uuid(n, kind uint64) string {
	rng := rand.New(rand.NewPCG(uint64(m.project)<<32|n, kind))
	return randomUUID(rng)
}

func randomUUID(rng *rand.Rand) string {
	var id uuid.UUID
	binary.LittleEndian.PutUint64(id[:], rng.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rng.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id.String()
}

// id is the project's.
func (m *recordMaker) id() string { return m.uuid(0, 8) }

var firstUpload = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func timestamp(t time.Time) manifest.Timestamp {
	return manifest.Timestamp(t.Format("2006-01-02T15:04:05.0000000"))
}

// record is the n-th of the project.
func (m *recordMaker) record(n int) *manifest.Image {
	rng := rand.New(rand.NewPCG(uint64(m.project)<<32|uint64(n), 1))
	uploaded := firstUpload.Add(time.Duration(n)*137*time.Millisecond + time.Duration(rng.IntN(1_000_000))*100)
	labelled := timestamp(uploaded.Add(time.Duration(rng.IntN(864_000_000)) * 100 * time.Microsecond))
	tag := m.tags[rng.IntN(len(m.tags))].ID
	if m.version > 0 && n%100 == 7 {
		tag = m.tags[(n/100+m.version)%len(m.tags)].ID
	}
	const width, height = 1200, 900
	img := &manifest.Image{
		ID: randomUUID(rng), Created: timestamp(uploaded), Width: width, Height: height, Blob: manifest.BlobResized,
		Tags: []manifest.ImageTag{{TagID: tag, Created: labelled}},
	}
	for range 3 {
		left, top := rng.IntN(width-40), rng.IntN(height-40)
		img.Regions = append(img.Regions, manifest.Region{
			ID: randomUUID(rng), TagID: tag, Created: labelled,
			Left: pixels(left, width), Top: pixels(top, height),
			Width: pixels(20+rng.IntN(width-left-20), width), Height: pixels(20+rng.IntN(height-top-20), height),
		})
	}
	if n%10 < 3 {
		img.Metadata = map[string]string{"camera": fmt.Sprint("line ", n%4), "batch": fmt.Sprint("2026-", 100+n/500)}
	}
	if m.objects {
		o := manifest.Object{Size: int64(20_000 + rng.IntN(200_000)), Ext: "jpg"}
		for i := 0; i < len(o.SHA256); i += 8 {
			binary.LittleEndian.PutUint64(o.SHA256[i:], rng.Uint64())
		}
		img.Object = &o
	}
	return img
}

// pixels is a number of pixels as the service's 32 bits have it.
func pixels(n, of int) json.Number {
	return json.Number(strconv.FormatFloat(float64(n)/float64(of), 'g', -1, 32))
}

// members is what the archive has of the project beside its records.
func (m *recordMaker) members(images int) (manifest.ProjectEntry, archive.ProjectMembers) {
	p := manifest.Project{ID: m.id(), Name: fmt.Sprint("project ", m.project), Settings: manifest.ProjectSettings{DomainID: detectionDomain}, Created: timestamp(firstUpload)}
	return manifest.ProjectEntry{ID: p.ID, Name: p.Name, DomainID: detectionDomain, Type: manifest.ObjectDetection, Outcome: manifest.Complete},
		archive.ProjectMembers{
			Project: p, Tags: m.tags,
			Export: manifest.Export{ImageCount: images, TagCount: len(m.tags), RegionCount: 3 * images, State: manifest.TokenOmitted},
		}
}
