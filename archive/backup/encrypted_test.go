package backup_test

import (
	"context"
	"testing"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/backup"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/remote/simulator"
)

// TestEncryptedWithoutIdentity is the night of a host that holds no private
// key: stopped half-way, gone on, done, and done again with nothing to
// download.
func TestEncryptedWithoutIdentity(t *testing.T) {
	w := newWorld(t)
	if err := w.store.Delete(t.Context(), vault.MarkerName); err != nil { // made anew, encrypted
		t.Fatal(err)
	}
	host, reader := archivetest.Encrypted(t, w.store)
	w.vault = host
	p, _ := w.trainable("Fruit", compactDomain, 100)
	it := w.train(p)
	if _, err := w.client.ExportIteration(t.Context(), p.ID, it.ID, "ONNX", ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, After: 60, Do: cancel})
	if _, err := backup.Run(ctx, w.client, w.vault, w.options()); err == nil {
		t.Fatal("not interrupted")
	}
	before := w.objects()
	res := w.backup()
	if s := res.Stats; before < 30 || s.ImagesDownloaded != 100-before || s.ImagesReused != before || s.ModelsDownloaded != 1 || !res.Whole() {
		t.Errorf("%d images were stored before; %+v", before, s)
	}
	if left := w.segments(); len(left) > 0 {
		t.Errorf("the journal is still there: %v", left)
	}
	w.resource().ResetCalls()
	creates := w.store.Creates.Load()
	again := w.backup()
	if s, n := again.Stats, w.store.Creates.Load()-creates; s.ImagesDownloaded+s.ModelsDownloaded != 0 || s.ImagesReused != 100 || n != 2 {
		t.Errorf("unchanged: %+v, %d writes, want those of index and archive", s, n)
	}
	if parent := again.Manifest.Parent; parent == nil || parent.SHA256 != res.SHA256 {
		t.Errorf("parent %+v, want %s", parent, res.SHA256)
	}
	if err := archivetest.Sound(t.Context(), reader); err != nil {
		t.Error(err)
	}
	w.vault = reader
	if c := w.read(again, p.ID); c.Project.Name != "Fruit" || len(c.images) != 100 {
		t.Errorf("read back: %q with %d images", c.Project.Name, len(c.images))
	}
	if list := w.messages(progress.Warning); len(list) > 0 {
		t.Errorf("warnings %q", list)
	}
}
