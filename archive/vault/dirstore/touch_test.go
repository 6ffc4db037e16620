package dirstore_test

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"cvarchive/archive/vault/dirstore"
	"cvarchive/manifest/store"
)

// A touch and a deletion of what was looked at before exclude each other: either
// the touch succeeds and the file is there, or neither.
func TestDeleteUnchanged(t *testing.T) {
	ctx := t.Context()
	s, err := dirstore.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	touched, deleted := 0, 0
	for range 200 {
		if err := s.Create(ctx, "a/b", strings.NewReader("x")); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		seen, err := s.Stat(ctx, "a/b")
		if err != nil {
			t.Fatal(err)
		}
		var touch, del error
		var both sync.WaitGroup
		both.Go(func() { touch = s.Touch(ctx, "a/b") })
		both.Go(func() { del = s.DeleteUnchanged(ctx, seen) })
		both.Wait()
		_, err = s.Stat(ctx, "a/b")
		there := err == nil
		switch {
		case touch == nil && errors.Is(del, store.ErrChanged) && there:
			touched++
		case errors.Is(touch, fs.ErrNotExist) && del == nil && !there:
			deleted++
		default:
			t.Fatalf("touch: %v; delete: %v; there: %v", touch, del, there)
		}
	}
	t.Logf("%d touched, %d deleted", touched, deleted)
	old := store.Info{Name: "nothing", Modified: time.Now()}
	if err := s.DeleteUnchanged(ctx, old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
