package archive_test

import (
	"bytes"
	"testing"

	"cvarchive/archive"
	"cvarchive/archive/archivetest"
	"cvarchive/manifest"
)

const benchRecords = 100_000

// typicalArchive makes an archive of one project of typical records.
func typicalArchive(b *testing.B, images []manifest.Image) []byte {
	b.Helper()
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.WriterOptions{TempDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	spool, err := w.NewSpool()
	if err != nil {
		b.Fatal(err)
	}
	for i := range images {
		if err := spool.Append(&images[i]); err != nil {
			b.Fatal(err)
		}
	}
	members := archive.ProjectMembers{Project: manifest.Project{ID: uuid('p', 1), Name: "p"}, Export: manifest.Export{State: manifest.TokenNone}}
	if err := w.AddProject(manifest.ProjectEntry{ID: uuid('p', 1), Name: "p", Outcome: manifest.Complete}, members, spool); err != nil {
		b.Fatal(err)
	}
	if _, err := w.Close(manifest.Manifest{ID: "0123abcd"}); err != nil {
		b.Fatal(err)
	}
	return file.Bytes()
}

// BenchmarkWrite is a whole archive of typical records, from structs to bytes.
func BenchmarkWrite(b *testing.B) {
	images := archivetest.Typical(benchRecords)
	var file []byte
	for b.Loop() {
		file = typicalArchive(b, images)
	}
	b.ReportMetric(float64(len(file))/benchRecords, "B/record")
	b.ReportMetric(benchRecords*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkRead is a whole archive of typical records, from bytes to structs.
func BenchmarkRead(b *testing.B) {
	file := typicalArchive(b, archivetest.Typical(benchRecords))
	for b.Loop() {
		r, err := archive.NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range r.Images(b.Context(), uuid('p', 1)) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(benchRecords*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
