package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
)

// batching is a store that tells what happens in which order.
type batching struct {
	*vaulttest.Memory
	did    []string
	broken error
}

func (s *batching) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	kind, _, _ := strings.Cut(name, "/")
	s.did = append(s.did, "create "+kind)
	return s.Memory.Create(ctx, name, body)
}

func (s *batching) CreateLater(ctx context.Context, name string, body io.ReadSeeker) error {
	kind, _, _ := strings.Cut(name, "/")
	s.did = append(s.did, "later "+kind)
	return s.Memory.Create(ctx, name, body)
}

func (s *batching) Flush(context.Context) error {
	s.did = append(s.did, "flush")
	return s.broken
}

// Objects are durable before what names them is written, and nothing is
// written where they cannot be made so.
func TestObjectsAreFlushedFirst(t *testing.T) {
	s := &batching{Memory: vaulttest.NewMemory()}
	v, err := vault.Init(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	s.did = nil
	data := []byte("picture")
	o := manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: "jpg"}
	if _, err := v.PutObject(t.Context(), o, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	entry := vault.JournalEntry{Project: "aaaaaaaa-0000-4000-8000-000000000001", Image: "aaaaaaaa-0000-4000-8000-000000000002", Object: o}
	segment := func(n int) error {
		_, err := v.WriteSegment(t.Context(), "s", time.Now(), "00000001", n, vault.Journal{Endpoint: "e", Entries: []vault.JournalEntry{entry}})
		return err
	}
	commit := func() error {
		_, err := v.CommitArchive(t.Context(), "s", time.Now(), "00000001", strings.NewReader("archive"))
		return err
	}
	if err := errors.Join(segment(1), commit()); err != nil {
		t.Fatal(err)
	}
	s.broken = errors.New("no space")
	for _, err := range []error{segment(2), commit()} {
		if !errors.Is(err, s.broken) {
			t.Errorf("with objects that are not durable: %v", err)
		}
	}
	if diff := cmp.Diff([]string{"later objects", "flush", "create journal", "flush", "create archives", "flush", "flush"}, s.did); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
