package verify

import (
	"io"
	"io/fs"
	"testing"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest/store"
)

// Of a vault that lost more objects than errors are kept of, each is still
// told, and what is wrong with it.
func TestManyBadObjects(t *testing.T) {
	p := NewPass(vaulttest.New(t), Options{})
	missing := &vault.ObjectError{Err: fs.ErrNotExist}
	for kind, err := range map[Kind]error{
		Missing: missing, Damaged: &vault.ObjectError{Reason: "is short"}, Offline: store.ErrOffline, Unreadable: io.ErrUnexpectedEOF,
	} {
		for i := range maxBad + 2 {
			p.settle(key{0: byte(i), 1: byte(i >> 8), 2: kind[0], 3: kind[1]}, 1, false, err)
		}
		for _, i := range []int{0, maxBad + 1} {
			if _, seen, bad := p.state(key{0: byte(i), 1: byte(i >> 8), 2: kind[0], 3: kind[1]}); seen || kindOf(bad) != kind {
				t.Errorf("%s object %d: seen %v, %v", kind, i, seen, bad)
			}
		}
	}
	if n := int64(4 * (maxBad + 2)); p.Totals().Objects != n || len(p.bad) > maxBad {
		t.Errorf("%d objects, %d errors kept", p.Totals().Objects, len(p.bad))
	}
}
