package manifest_test

import (
	"encoding/json"
	"testing"

	"cvarchive/archive/archivetest"
	"cvarchive/manifest"
)

func BenchmarkEncodeImage(b *testing.B) {
	images := archivetest.Typical(1000)
	var buf []byte
	for i, size := 0, 0; b.Loop(); i++ {
		var err error
		if buf, err = manifest.AppendImage(buf[:0], &images[i%len(images)]); err != nil {
			b.Fatal(err)
		}
		size += len(buf)
		b.SetBytes(int64(size / (i + 1)))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkDecodeImage(b *testing.B) {
	for _, kind := range []string{"known", "unknown"} {
		b.Run(kind, func(b *testing.B) {
			var lines [][]byte
			size := 0
			for _, img := range archivetest.Typical(1000) {
				if kind == "unknown" {
					img.Extra = manifest.Extra{"quality": json.RawMessage(`{"sharp":0.9}`)}
				}
				line, err := manifest.AppendImage(nil, &img)
				if err != nil {
					b.Fatal(err)
				}
				lines, size = append(lines, line), size+len(line)
			}
			var got manifest.Image
			b.ReportAllocs()
			b.SetBytes(int64(size / len(lines)))
			for i := 0; b.Loop(); i++ {
				if err := manifest.DecodeImage(lines[i%len(lines)], &got); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
