package backup_test

import (
	"sync/atomic"
	"testing"
	"time"

	"cvarchive/archive/backup"
)

// Archives of one second have no order by name, and one that was begun later
// may have looked earlier: all of them are asked for what is stored.
func TestBackupsOfOneSecond(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	var looks atomic.Int64 // at the clock
	for n := range 8 {
		w.fill(p, 1)
		res := w.backup(func(o *backup.Options) {
			o.Now = func() time.Time { return start.Add(time.Duration(looks.Add(1)) * time.Millisecond) }
		})
		if res.Stats.ImagesDownloaded != 1 || res.Stats.ImagesReused != n {
			t.Errorf("backup %d: stats %+v", n+1, res.Stats)
		}
	}
}
