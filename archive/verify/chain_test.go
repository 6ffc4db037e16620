package verify_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"cvarchive/archive/archivetest"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
)

// night is the archive of one night, which builds on that of another; 0: on
// none.
type night struct{ day, parent int }

// chainOf makes a vault of nights, in their order.
func chainOf(t *testing.T, nights ...night) (*vaulttest.Memory, map[int]vault.Archive) {
	t.Helper()
	s := vaulttest.NewMemory()
	made := map[int]vault.Archive{}
	for _, n := range nights {
		addNight(t, s, made, n, time.Date(2028, 9, n.day, 2, 0, 0, 0, time.UTC))
	}
	return s, made
}

func addNight(t *testing.T, s *vaulttest.Memory, made map[int]vault.Archive, n night, at time.Time) {
	t.Helper()
	a := archivetest.Archive{Source: "a", ID: fmt.Sprintf("%08x", n.day), Created: at, Projects: [][]string{{"model", fmt.Sprint(n.day)}}}
	if n.parent != 0 {
		p := made[n.parent]
		a.Parent = &manifest.Parent{Name: p.Name, SHA256: sha256.Sum256(s.Bytes(p.Path))}
	}
	made[n.day] = archivetest.Commit(t, vaulttest.Init(t, s), a)
}

func TestChain(t *testing.T) {
	straight := []night{{1, 0}, {2, 1}, {3, 2}, {4, 3}, {5, 4}}
	remove := func(days ...int) func(*testing.T, *vaulttest.Memory, map[int]vault.Archive) {
		return func(t *testing.T, s *vaulttest.Memory, made map[int]vault.Archive) {
			for _, d := range days {
				if err := s.Delete(t.Context(), made[d].Path); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, tt := range []struct {
		name   string
		nights []night
		change func(*testing.T, *vaulttest.Memory, map[int]vault.Archive)
		linked int
		gaps   int      // of them, with AllowGaps too
		want   []string // parts of problems, in their order
		notes  []string
	}{
		{name: "as it is made", nights: straight, linked: 4},
		{name: "only one", nights: straight[:1]},
		{name: "the oldest are gone", nights: straight, change: remove(1, 2), linked: 2, notes: []string{"and all before it are not in the vault"}},
		{name: "one from the middle", nights: straight, change: remove(3), linked: 2, gaps: 1, want: []string{"chain parent a/20280903T020000Z-00000003: it is not in the vault, and older archives are"}},
		{name: "pruned lately", nights: straight, linked: 2, gaps: 1, notes: []string{"was pruned lately"}, change: func(t *testing.T, s *vaulttest.Memory, made map[int]vault.Archive) {
			if err := vaulttest.Init(t, s).Retire(t.Context(), made[3].Path, made[3].Size); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "one altered", nights: straight, linked: 3, want: []string{"parent parent a/20280902T020000Z-00000002: its SHA-256 is "}, change: func(t *testing.T, s *vaulttest.Memory, made map[int]vault.Archive) {
			s.Put(made[2].Path, archivetest.Write(t, archivetest.Archive{Source: "a", ID: "00000002", Created: made[2].Created, Projects: [][]string{{"model", "forged"}},
				Parent: &manifest.Parent{Name: made[1].Name, SHA256: sha256.Sum256(s.Bytes(made[1].Path))}}))
		}},
		{name: "damaged", nights: straight, linked: 2, gaps: 1, want: []string{"unreadable archive: it cannot be read", "chain parent a/20280903T020000Z-00000003: it is not in the vault"}, change: func(t *testing.T, s *vaulttest.Memory, made map[int]vault.Archive) {
			s.Put(made[3].Path, []byte("no archive"))
		}},
		// A forger makes one of today look old; it builds on what was there.
		{name: "dated back, in between", nights: straight, linked: 5, want: []string{"chain archive: it says that it was finished at 2028-09-03 14:00:00 UTC, but a/20280904T020000Z-00000004, begun at"}, change: func(t *testing.T, s *vaulttest.Memory, made map[int]vault.Archive) {
			addNight(t, s, made, night{9, 3}, time.Date(2028, 9, 3, 14, 0, 0, 0, time.UTC))
		}},
		{name: "dated back, before its parent", nights: straight, linked: 5, want: []string{
			"chain parent a/20280905T020000Z-00000005: it was finished at 2028-09-05 02:00:00 UTC, after this archive",
			"chain archive: it says that it was finished at 2028-09-03 14:00:00 UTC, but"}, change: func(t *testing.T, s *vaulttest.Memory, made map[int]vault.Archive) {
			addNight(t, s, made, night{9, 5}, time.Date(2028, 9, 3, 14, 0, 0, 0, time.UTC))
		}},
		{name: "renamed to another time", nights: straight, linked: 4, want: []string{"chain archive: its name says another time than it does itself, 2028-09-05 02:00:00 UTC"}, change: func(t *testing.T, s *vaulttest.Memory, made map[int]vault.Archive) {
			s.Put("archives/a/20280902T120000Z-00000005.tar.zst", s.Bytes(made[5].Path))
			remove(5)(t, s, made)
		}},
		{name: "a new chain in the middle", nights: []night{{1, 0}, {2, 1}, {3, 0}, {4, 3}}, linked: 2, gaps: 1, want: []string{"chain parent: it builds on no other, although a/20280902T020000Z-00000002 is older"}},
		{name: "two at the same time", nights: straight[:2], linked: 3, change: func(t *testing.T, s *vaulttest.Memory, made map[int]vault.Archive) {
			at := time.Date(2028, 9, 3, 2, 0, 0, 0, time.UTC)
			addNight(t, s, made, night{3, 2}, at)
			addNight(t, s, made, night{4, 2}, at.Add(5*time.Minute))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, made := chainOf(t, tt.nights...)
			if tt.change != nil {
				tt.change(t, s, made)
			}
			var found []string
			opt := verify.Options{Found: func(p verify.Problem) { found = append(found, string(p.Kind)+" "+p.String()) }}
			r, err := verify.NewPass(vaulttest.Init(t, s), opt).Chain(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			if r.Linked != tt.linked || r.Gaps != tt.gaps || len(found) != len(r.Problems) {
				t.Errorf("%+v, want %d linked, %d gaps", r, tt.linked, tt.gaps)
			}
			match(t, "problems", found, tt.want)
			match(t, "notes", r.Notes, tt.notes)

			opt = verify.Options{AllowGaps: true}
			r, err = verify.NewPass(vaulttest.Init(t, s), opt).Chain(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range r.Problems {
				if strings.Contains(p.Reason, "removed from between") || strings.Contains(p.Reason, "builds on no other") {
					t.Errorf("with gaps allowed: %s", p)
				}
			}
		})
	}
}

func match(t *testing.T, what string, got, want []string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		ok = ok && strings.Contains(got[i], want[i])
	}
	if !ok {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestChainOfAll: what the archives' own verification said is not said twice.
func TestChainOfAll(t *testing.T) {
	s, made := chainOf(t, night{1, 0}, night{2, 1})
	s.Put(made[1].Path, archivetest.Write(t, archivetest.Archive{Source: "a", ID: "00000001", Created: made[1].Created, Projects: [][]string{{"model", "1"}, {"model"}}}))
	pass := verify.NewPass(vaulttest.Init(t, s), verify.Options{})
	for _, a := range []vault.Archive{made[1], made[2]} {
		if _, err := pass.Archive(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	r, err := pass.Chain(t.Context(), "a")
	if err != nil || len(r.Problems) != 0 || r.Linked != 0 || r.Altered != 1 || r.Sound() {
		t.Errorf("%+v, %v", r, err)
	}
}
