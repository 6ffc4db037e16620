package retain

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
)

func pictures(what string, count int) (names []string) {
	for n := range count {
		names = append(names, fmt.Sprint(what, " ", n))
	}
	return names
}

// filled is a vault of two archives that share objects, and of objects that
// none names.
func filled(t *testing.T) (*vaulttest.Memory, *vault.Vault) {
	t.Helper()
	s := vaulttest.NewMemory()
	v := vaulttest.Init(t, s)
	shared := pictures("shared", 20)
	archivetest.Commit(t, v, spec(1, append(pictures("goes", 30), shared...)...))
	archivetest.Commit(t, v, spec(2, append(pictures("stays", 30), shared...)...))
	for _, p := range pictures("left over", 40) {
		archivetest.Put(t, v, p)
	}
	time.Sleep(48 * time.Hour)
	return s, v
}

// However few mentions are remembered at once, the same objects go.
func TestWindows(t *testing.T) {
	for _, grace := range []time.Duration{0, 24 * time.Hour} {
		for _, dry := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				opt := Options{Policy: Policy{Last: 1}, Grace: grace, DryRun: dry}
				s, v := filled(t)
				want := prune(t, v, opt).Objects
				left := stored(s, "objects/")
				for _, opt.room = range []int{1, 7, 49, 50, 79, 80} {
					s, v := filled(t)
					if diff := cmp.Diff(want, prune(t, v, opt).Objects); diff != "" {
						t.Errorf("grace %v, dry %v, room for %d (-want +got):\n%s", grace, dry, opt.room, diff)
					}
					if diff := cmp.Diff(left, stored(s, "objects/")); diff != "" {
						t.Errorf("grace %v, dry %v, room for %d: what is left (-want +got):\n%s", grace, dry, opt.room, diff)
					}
				}
			})
		}
	}
}

// An archive that appears before a batch is deleted may make the window too
// narrow for the batch.
func TestArchiveNarrowsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v := filled(t)
		came := false
		appears := spec(3, pictures("left over", 20)...)
		h := &hooked{Memory: s, change: func(string) error { return nil }, list: func(prefix string) {
			if strings.HasPrefix(prefix, "objects/") && !came {
				came = true
				if _, err := v.CommitArchive(t.Context(), "a", appears.Created, appears.ID, bytes.NewReader(archivetest.Write(t, appears))); err != nil {
					t.Error(err)
				}
			}
		}}
		r := prune(t, vaulttest.Init(t, h), Options{Policy: Policy{Last: 1}, room: 52})
		if !came || r.Objects.Deleted != 50 {
			t.Errorf("an archive came: %v; %+v", came, r.Objects)
		}
		want := append(append(pictures("stays", 30), pictures("shared", 20)...), pictures("left over", 20)...)
		wantObjects(t, s, v, want...)
	})
}

// An archive that cannot be read in any window is named once.
func TestUnreadableInWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v := filled(t)
		bad := archivetest.Commit(t, v, spec(3, "x"))
		data := s.Bytes(bad.Path)
		s.Put(bad.Path, data[:len(data)/2])
		r := prune(t, v, Options{Policy: Policy{Last: 3}, room: 7})
		if len(r.Blocked) != 1 || r.Objects.Deleted > 0 {
			t.Errorf("%+v", r)
		}
	})
}
