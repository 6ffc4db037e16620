package retain

import (
	"testing"
	"testing/synctest"
	"time"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/vault/vaulttest"
)

// TestEncrypted prunes an encrypted vault without an identity. Indexes stay as
// long as what they are of can be got back, and no longer.
func TestEncrypted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := vaulttest.NewMemory()
		host, reader := archivetest.Encrypted(t, s)
		old := archivetest.Commit(t, host, spec(1, "model", "x", "y"))
		archivetest.Commit(t, host, spec(2, "model", "y", "z"))
		archivetest.Put(t, host, "left over")
		s.Put("index/a/20280901T020000Z-0000000f-0123456789abcdef.age", []byte("of a commit that did not come to its end"))
		time.Sleep(30 * time.Hour)
		archivetest.Put(t, host, "young")

		opt := Options{Policy: Policy{Last: 1}, Grace: 24 * time.Hour}
		r := prune(t, host, opt)
		if r.Deletes() != 1 || r.Objects.Deleted != 1 || len(r.Blocked) > 0 || len(r.Failures) > 0 {
			t.Errorf("%+v", r)
		}
		wantObjects(t, s, reader, "model", "x", "y", "z", "young")
		if n := len(stored(s, "index/")); n != 2 {
			t.Errorf("%d indexes, want those of both archives", n)
		}
		// Pruned by mistake, it is as it was.
		s.Put(old.Path, s.Bytes("pruned/"+old.Path))
		if err := archivetest.Sound(t.Context(), reader); err != nil {
			t.Error(err)
		}
		prune(t, host, opt)
		time.Sleep(25 * time.Hour)
		prune(t, host, opt)
		wantObjects(t, s, reader, "model", "y", "z")
		if names := append(stored(s, "index/"), stored(s, "pruned/")...); len(names) != 1 {
			t.Errorf("what is left: %q", names)
		}
	})
}

// TestEncryptedUnreadable: without its index, nothing tells what an archive
// needs, and nothing is deleted; with an identity the archive tells itself.
func TestEncryptedUnreadable(t *testing.T) {
	s := vaulttest.NewMemory()
	host, reader := archivetest.Encrypted(t, s)
	archivetest.Commit(t, host, spec(1, "model", "x"))
	archivetest.Put(t, host, "left over")
	if err := s.Delete(t.Context(), stored(s, "index/")[0]); err != nil {
		t.Fatal(err)
	}
	opt := Options{Policy: Policy{Last: 1}}
	if r := prune(t, host, opt); len(r.Blocked) != 1 || r.Objects.Deleted != 0 {
		t.Errorf("without an index: %+v", r)
	}
	if r := prune(t, reader, opt); len(r.Blocked) != 0 || r.Objects.Deleted != 1 {
		t.Errorf("with an identity: %+v", r)
	}
	wantObjects(t, s, reader, "model", "x")
}
