package main

import (
	"testing"
	"time"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest/store"
)

// What keeps an archive from being deleted is listed.
func TestListProtected(t *testing.T) {
	now := time.Date(2028, 9, 3, 0, 0, 0, 0, time.UTC)
	for want, state := range map[string]store.State{
		"complete":       {},
		"complete, held": {Held: true, ImmutableUntil: now.Add(-time.Hour)},
		"complete, immutable until 2028-09-03 01:00:00 UTC": {ImmutableUntil: now.Add(time.Hour)},
	} {
		g := vaulttest.NewGuarded()
		v := vaulttest.Init(t, g)
		a := archivetest.Commit(t, v, archivetest.Archive{Source: "a", ID: "00000001", Created: now.AddDate(0, 0, -1), Projects: [][]string{{"model"}}})
		g.SetState(a.Path, state)
		l, err := readListing(t.Context(), v, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := stateCell(l.Archives[0], now); got != want {
			t.Errorf("%+v: %q, want %q", state, got, want)
		}
	}
}
