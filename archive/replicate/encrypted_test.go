package replicate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
)

// TestEncrypted copies from a vault that is not encrypted into one that is, from
// there into another with other keys, and back: each time the archives are the
// same, only what is missing is copied, and the target takes no identity.
func TestEncrypted(t *testing.T) {
	ctx := t.Context()
	plain := vaulttest.New(t)
	at := time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC)
	archivetest.Commit(t, plain, archivetest.Archive{Source: "a", Created: at, ID: "00000001", Projects: [][]string{{"model", "x", "y"}}})
	archivetest.Commit(t, plain, archivetest.Archive{Source: "a", Created: at.Add(time.Hour), ID: "00000002", Projects: [][]string{{"model", "y", "z"}}})
	firstHost, firstReader := archivetest.Encrypted(t, vaulttest.NewMemory())
	secondHost, secondReader := archivetest.Encrypted(t, vaulttest.NewMemory())
	back := vaulttest.New(t)

	run := func(from, to *vault.Vault) (copied int64, statuses string) {
		t.Helper()
		p, err := NewPass(ctx, from, to, Options{})
		if err != nil {
			t.Fatal(err)
		}
		archives, err := from.Archives(ctx)
		if err != nil {
			t.Fatal(err)
		}
		err = p.All(ctx, archives, func(r *Report) {
			copied += r.Copied
			statuses += string(r.Status) + r.Reason + " "
		})
		if err != nil {
			t.Fatal(err)
		}
		return copied, statuses
	}
	for _, hop := range []struct{ from, to, read *vault.Vault }{
		{plain, firstHost, firstReader}, {firstReader, secondHost, secondReader}, {secondReader, back, back},
	} {
		if n, statuses := run(hop.from, hop.to); n != 4 || statuses != "copied copied " {
			t.Errorf("%d objects copied, %s", n, statuses)
		}
		if n, statuses := run(hop.from, hop.to); n != 0 || statuses != "present present " {
			t.Errorf("again: %d objects copied, %s", n, statuses)
		}
		if err := archivetest.Sound(ctx, hop.read); err != nil {
			t.Error(err)
		}
	}
	archives, err := plain.Archives(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range archives {
		want, err := plain.Digest(ctx, a)
		got, err2 := back.Digest(ctx, a)
		if err = errors.Join(err, err2); err != nil || got != want {
			t.Errorf("archive %s became %s, %v", a.Name, got, err)
		}
	}
	if _, err := NewPass(context.Background(), firstHost, back, Options{}); err == nil || !strings.Contains(err.Error(), "needs an identity") {
		t.Errorf("a source without an identity: %v", err)
	}
}
