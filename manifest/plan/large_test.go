package plan

import "testing"

// BenchmarkScheduleOfALargeProject groups as many images as a project may
// have, with so many tags each that no grouping is obvious.
func BenchmarkScheduleOfALargeProject(b *testing.B) {
	for _, row := range tableTags {
		c := tableContent(row.tags, 100_000, row.of, row.box, tableMetadata[0].of)
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				c.Schedule()
			}
		})
	}
}
