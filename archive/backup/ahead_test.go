package backup_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cvarchive/archive/backup"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
)

// distant is a source that takes its time to list a page, and counts how many
// pages it is asked for at once.
type distant struct {
	made
	mu        sync.Mutex
	now, most int
	calls     int
}

func (s *distant) Images(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	s.count(1)
	defer s.count(-1)
	time.Sleep(time.Second)
	return s.made.Images(ctx, projectID, q)
}

func (s *distant) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += n
	s.most = max(s.most, s.now)
	s.calls += max(n, 0)
}

// Pages are listed before those in front of them have come: a few at once, in
// their order, and none that is not needed.
func TestPagesAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages, ahead = 27, 9
		src := &distant{made: made{images: pages * manifest.MaxPage}}
		opt := backup.Options{Source: manifest.Source{Name: "made"}, MetadataOnly: true, TempDir: t.TempDir()}
		began := time.Now()
		res, err := backup.Run(t.Context(), src, vaulttest.New(t), opt)
		if err != nil || !res.Whole() || res.Manifest.Projects[0].Counts.Images != src.images {
			t.Fatalf("result %+v, %v", res, err)
		}
		if src.most != ahead || src.calls != pages || time.Since(began) != pages/ahead*time.Second {
			t.Errorf("%d pages at once, %d in all, in %v; want %d, %d and %ds", src.most, src.calls, time.Since(began), ahead, pages, pages/ahead)
		}
	})
}
