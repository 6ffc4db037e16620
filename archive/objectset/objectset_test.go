package objectset

import (
	"math/rand/v2"
	"testing"
)

func TestSet(t *testing.T) {
	var s Set
	in := map[Key]bool{}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300_000 {
		k := Key{0: byte(r.Uint32()), 1: byte(r.Uint32()), 15: byte(r.Uint32() & 3)}
		if i%100_000 < 50_000 {
			s.Add(k)
		} else if s.Insert(k) == in[k] {
			t.Fatalf("insert %x: it was there: %v", k, in[k])
		}
		in[k] = true
	}
	if s.Len() != len(in) {
		t.Errorf("%d keys, want %d", s.Len(), len(in))
	}
	for a := range 256 {
		for b := range 256 {
			for c := range 5 {
				if k := (Key{0: byte(a), 1: byte(b), 15: byte(c)}); s.Has(k) != in[k] {
					t.Fatalf("has %x: %v", k, s.Has(k))
				}
			}
		}
	}
}
