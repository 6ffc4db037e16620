package backup_test

import (
	"testing"
	"time"

	"cvarchive/archive/backup"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/remote/simulator"
)

// Whatever happens in the middle of a backup, the vault verifies and the same
// command goes on, without a download of what is stored.
func TestTroubleHalfWay(t *testing.T) {
	const images, half = 120, 60
	for name, tt := range map[string]struct {
		trouble func(w *world) (mend func())
		whole   bool // the backup gets over it by itself
	}{
		"asleep past the end of every link": {whole: true, trouble: func(w *world) func() {
			w.inject(simulator.Fault{Operation: simulator.BlobOperation, After: half, Do: func() { w.sim.Service.Advance(30 * 24 * time.Hour) }})
			return func() {}
		}},
		"the network is dead": {trouble: func(w *world) func() {
			w.inject(simulator.Fault{Operation: simulator.BlobOperation, After: half, Do: func() { w.resource().SetDown(true) }})
			return func() { w.resource().SetDown(false) }
		}},
		"the disk is full": {trouble: func(w *world) func() {
			full := vaulttest.NoSpace(w.store, vaulttest.When{Prefix: "objects/", Nth: half})
			vaulttest.MustHit(w.t, full)
			good := w.vault
			w.vault = vaulttest.Init(w.t, full)
			return func() { w.vault = good }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fill(w.project("p", plainDomain), images)
			at := time.Now()
			clock := func(o *backup.Options) { o.Now = func() time.Time { return at } }
			mend := tt.trouble(w)
			res, err := backup.Run(t.Context(), w.client, w.vault, w.options(clock))
			if tt.whole {
				if err != nil || !res.Whole() || res.Stats.ImagesDownloaded != images {
					t.Errorf("result %+v, %v", res, err)
				}
			} else if err == nil && res.Whole() {
				t.Error("nobody noticed")
			}
			mend()
			w.verifyObjects()
			before := w.objects()
			if before < half-1 {
				t.Errorf("%d objects are stored, want half of %d at least", before, images)
			}

			at = at.Add(time.Hour)
			again := w.backup(clock)
			if !again.Whole() || again.Stats.ImagesDownloaded != images-before || w.objects() != images {
				t.Errorf("with %d of %d images stored, the next backup downloaded %d", before, images, again.Stats.ImagesDownloaded)
			}
		})
	}
}
