package backup_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"cvarchive/archive/backup"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
	"cvarchive/remote/blobstore"
	"cvarchive/remote/blobstore/azurite"
)

// Backups of several sources, and of one source twice, into one vault at the
// same time: nothing is lost, nothing is stored twice, and nothing is left
// behind. Each has a store of its own, as processes of their own have.
func TestManyWriters(t *testing.T) {
	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		manyWriters(t, 200, func() (vault.Store, error) { return dirstore.New(dir) })
	})
	t.Run("container", func(t *testing.T) {
		server := azurite.Start(t)
		opt := blobstore.Options{URL: server.ContainerURL(t), ConnectionString: manifest.NewSecret(server.ConnectionString)}
		manyWriters(t, 60, func() (vault.Store, error) { return blobstore.New(opt) })
	})
}

func manyWriters(t *testing.T, images int, open func() (vault.Store, error)) {
	sources := []string{"a", "a", "b", "c"} // all of the same images
	results := make([]*backup.Result, len(sources))
	var g sync.WaitGroup
	for i, source := range sources {
		g.Go(func() {
			s, err := open()
			if err != nil {
				t.Error(err)
				return
			}
			v, err := vault.Init(t.Context(), s)
			if err != nil {
				t.Error(err)
				return
			}
			results[i], err = backup.Run(t.Context(), made{images: images, size: 100}, v, backup.Options{
				Source: manifest.Source{Name: source, Endpoint: "https://" + source}, TempDir: t.TempDir(), Downloads: 8,
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	if t.Failed() {
		return
	}

	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	stored := 0
	for i, r := range results {
		stored += r.Stats.ObjectsStored
		report, err := verify.Archive(t.Context(), v, r.Archive, verify.Options{ReadData: true})
		if err != nil || !report.Sound() || report.Objects != int64(images) || !r.Whole() {
			t.Errorf("archive %d of %s: %+v, %v", i, sources[i], report, err)
		}
	}
	kinds := map[string]int{}
	for info, err := range s.List(context.Background(), "") {
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(info.Name, "/")
		kinds[kind]++
	}
	want := fmt.Sprint(map[string]int{vault.MarkerName: 1, "archives": len(sources), "objects": images})
	_, later := s.(vault.Batcher) // then several may begin to store one object, and one does
	if got := fmt.Sprint(kinds); got != want || stored < images || stored > images && !later {
		t.Errorf("the vault has %s, want %s; %d objects are said to be stored", got, want, stored)
	}
}
