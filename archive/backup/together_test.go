package backup

import (
	"context"
	"testing"
	"time"
)

// Many projects are captured at once while they are small, few whatever they
// are, and one until something is known of it.
func TestTogether(t *testing.T) {
	for _, tt := range []struct {
		name   string
		images int // of each project
		away   time.Duration
		first  int // at once, until one is described
		most   int // and afterwards
	}{
		{"small", 100, 0, 1, smallAtOnce},
		{"small, and far away", 100, describing, 2, smallAtOnce},
		{"of some size", imagesTogether / 4, 0, 1, 4},
		{"large", 100_000, 0, 1, defaultParallel},
		{"unknown", -1, 0, 1, defaultParallel},
	} {
		t.Run(tt.name, func(t *testing.T) {
			together := newTogether(defaultParallel, smallAtOnce, tt.away)
			ended, end := context.WithCancel(t.Context())
			end()
			var inside []*admitted
			begin := func() bool {
				one, err := together.enter(ended)
				if err != nil {
					return false
				}
				inside = append(inside, one)
				return true
			}
			for begin() {
			}
			if len(inside) != tt.first {
				t.Errorf("%d projects at first, want %d", len(inside), tt.first)
			}
			inside[0].described(tt.images)
			unknown := 0
			for begin() {
				unknown++
			}
			if unknown > defaultParallel {
				t.Errorf("%d projects of unknown size are begun", unknown)
			}
			for described := 1; described < len(inside); described++ {
				inside[described].described(tt.images)
				for begin() {
				}
			}
			if len(inside) != tt.most {
				t.Errorf("%d projects at once, want %d", len(inside), tt.most)
			}
			for _, one := range inside {
				one.leave()
			}
			if together.inside != 0 || together.unknown != 0 || together.images != 0 {
				t.Errorf("what is left when all have gone: %+v", together)
			}
		})
	}
}
