package torture

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"cvarchive/archive/vault"
)

// TestMovingAccount backs up an account in which an image is added, deleted,
// labelled, unlabelled or given metadata every 20 milliseconds, again and again. Every project of
// every archive is a state that the project really had while the backup ran,
// or says that it is not.
func TestMovingAccount(t *testing.T) {
	a := newAccount(t, 600)
	b := newBench(t, a, folderPlace(t), nil)
	stop := make(chan struct{})
	var changing sync.WaitGroup
	changing.Go(func() {
		rng := rand.New(rand.NewPCG(*seed, 2))
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				a.disturb(rng, "weu")
			}
		}
	})
	defer changing.Wait()
	defer close(stop)

	w := b.writer("weu", "writer")
	var sum verdict
	changes := 0
	for n := range *moving {
		o := w.backup(t.Context())
		if why := o.crashed(); why != "" || o.status != 0 && o.status != 4 {
			t.Fatalf("backup %d: %s%s", n+1, why, o)
		}
		v, err := vault.Open(t.Context(), b.place.store)
		if err != nil {
			t.Fatal(err)
		}
		entry, err := v.Resolve(t.Context(), o.result.Archive)
		if err != nil {
			t.Fatal(err)
		}
		out, err := a.judge(t.Context(), v, entry, o.at)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range out.problems {
			t.Errorf("backup %d, in which the account changed %d times: %s", n+1, o.at.to-o.at.from, p)
		}
		if (out.marked == 0) != (o.status == 0) {
			t.Errorf("%d projects are marked, and the %s", out.marked, o)
		}
		sum.consistent += out.consistent
		sum.marked += out.marked
		changes += o.at.to - o.at.from
	}
	t.Logf("%d backups during %d changes: %d projects as they really were, %d marked as of more than one moment", *moving, changes, sum.consistent, sum.marked)
}
