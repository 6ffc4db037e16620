package archivetest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"cvarchive/manifest"
)

// Typical makes records, the same every time, as an account of detection projects has them:
// three regions, one tag, metadata on three of ten, ids and digests that
// nothing compresses.
func Typical(n int) []manifest.Image {
	r := rand.New(rand.NewPCG(1, 2))
	uuid := func() string {
		var b [16]byte
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	}
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	stamp := func() manifest.Timestamp {
		at = at.Add(time.Duration(r.IntN(40_000_000)) * 100)
		return manifest.Timestamp(at.Format("2006-01-02T15:04:05.0000000"))
	}
	var tags []string
	for range 60 {
		tags = append(tags, uuid())
	}
	images := make([]manifest.Image, n)
	for i := range images {
		img := &images[i]
		*img = manifest.Image{ID: uuid(), Created: stamp(), Width: 1024, Height: 768, Blob: manifest.BlobOriginal}
		tag := tags[r.IntN(len(tags))]
		img.Tags = []manifest.ImageTag{{TagID: tag, Created: stamp()}}
		for range 3 {
			x, y := r.IntN(800), r.IntN(600)
			pixel := func(v, of int) json.Number {
				return json.Number(fmt.Sprint(float32(v) / float32(of)))
			}
			img.Regions = append(img.Regions, manifest.Region{
				ID: uuid(), TagID: tag, Created: img.Tags[0].Created,
				Left: pixel(x, 1024), Top: pixel(y, 768), Width: pixel(20+r.IntN(200), 1024), Height: pixel(20+r.IntN(140), 768),
			})
		}
		if i%10 < 3 {
			img.Metadata = map[string]string{"site": fmt.Sprint("plant ", r.IntN(20)), "batch": fmt.Sprint(r.IntN(1000))}
		}
		img.Object = &manifest.Object{SHA256: sha256.Sum256([]byte(img.ID)), Size: 20_000 + int64(r.IntN(200_000)), Ext: "jpg"}
	}
	return images
}
