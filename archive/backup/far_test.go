package backup_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cvarchive/archive/backup"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
)

// far is a source of several projects that takes ten calls a second, answers
// each after a while, and brings images as late.
type far struct {
	made
	projects int
	away     time.Duration

	mu    sync.Mutex
	next  time.Time // when the next call is taken
	calls int
}

const callEvery = time.Second / 10

func (s *far) call() {
	s.mu.Lock()
	at := time.Now()
	if at.Before(s.next) {
		at = s.next
	}
	s.next = at.Add(callEvery)
	s.calls++
	s.mu.Unlock()
	time.Sleep(time.Until(at) + s.away)
}

func (s *far) Domains(ctx context.Context) ([]manifest.Domain, error) {
	s.call()
	return s.made.Domains(ctx)
}

func (s *far) Projects(ctx context.Context) ([]manifest.Project, error) {
	s.call()
	one, err := s.made.Projects(ctx)
	var all []manifest.Project
	for i := range s.projects {
		p := one[0]
		p.ID, p.Name = madeID(i), fmt.Sprint("made up ", i)
		all = append(all, p)
	}
	return all, err
}

func (s *far) Project(ctx context.Context, id string) (manifest.Project, error) {
	s.call()
	p, err := s.made.Project(ctx, id)
	p.ID = id
	return p, err
}

func (s *far) Tags(ctx context.Context, projectID, iterationID string) ([]manifest.Tag, error) {
	s.call()
	return s.made.Tags(ctx, projectID, iterationID)
}

func (s *far) Iterations(ctx context.Context, projectID string) ([]manifest.Iteration, error) {
	s.call()
	return s.made.Iterations(ctx, projectID)
}

func (s *far) ExportProject(ctx context.Context, projectID string) (manifest.Export, error) {
	s.call()
	return s.made.ExportProject(ctx, projectID)
}

func (s *far) Images(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	s.call()
	return s.made.Images(ctx, projectID, q)
}

func (s *far) Download(ctx context.Context, projectID string, uri manifest.Secret, offset int64) (io.ReadCloser, int64, error) {
	time.Sleep(s.away)
	return s.made.Download(ctx, projectID, uri, offset)
}

// A backup takes the time that its calls take, wherever the service is: none of
// them waits for an answer while another could be made, and when the last has
// come, nothing is left to be done.
func TestFarAway(t *testing.T) {
	for _, tt := range []struct {
		projects, images int
		away             time.Duration
		latencies        float64 // on top of what the calls take
	}{
		{20, 260, 120 * time.Millisecond, 2},
		{60, 10, 120 * time.Millisecond, 3},
		{1, 5200, 120 * time.Millisecond, 2},
		{20, 260, 500 * time.Millisecond, 3.5},
		{60, 10, 500 * time.Millisecond, 4.5},
		{40, 0, 120 * time.Millisecond, 2},
		{3, 1000, 120 * time.Millisecond, 2},
	} {
		t.Run(fmt.Sprintf("%d projects of %d images, %v", tt.projects, tt.images, tt.away), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &far{made: made{images: tt.images, size: 100}, projects: tt.projects, away: tt.away}
				opt := backup.Options{Source: manifest.Source{Name: "made"}, TempDir: t.TempDir()}
				began := time.Now()
				res, err := backup.Run(t.Context(), src, vaulttest.New(t), opt)
				if err != nil || !res.Whole() {
					t.Fatalf("result %+v, %v", res, err)
				}
				took, least := time.Since(began), time.Duration(src.calls-1)*callEvery
				over := took - least
				t.Logf("%d calls, %v, %.1f latencies more", src.calls, took, float64(over)/float64(tt.away))
				if float64(over) > tt.latencies*float64(tt.away) {
					t.Errorf("%v more than %d calls take at least", over, src.calls)
				}
			})
		})
	}
}
