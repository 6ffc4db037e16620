package objectset

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
)

func TestSet(t *testing.T) {
	var s Set
	in := map[Key]bool{}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300_000 {
		k := Key{0: byte(r.Uint32()), 1: byte(r.Uint32()), 7: byte(r.Uint32() & 3)}
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
				if k := (Key{0: byte(a), 1: byte(b), 7: byte(c)}); s.Has(k) != in[k] {
					t.Fatalf("has %x: %v", k, s.Has(k))
				}
			}
		}
	}
}

func TestTable(t *testing.T) {
	var table Table
	in := map[Key]byte{}
	r := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		k := Key{0: byte(r.Uint32() & 1), 1: byte(r.Uint32() & 1), 6: byte(r.Uint32()), 7: byte(r.Uint32())}
		if got := table.Get(k); got != in[k] {
			t.Fatalf("%x has %d, want %d", k, got, in[k])
		}
		in[k] = byte(1 + r.Uint32N(255))
		table.Put(k, in[k])
	}
	if table.Len() != len(in) {
		t.Errorf("%d keys, want %d", table.Len(), len(in))
	}
	k := Key{9, 9}
	if before := table.Mark(k, 2); before != 0 {
		t.Errorf("a new key had %d", before)
	}
	if before := table.Mark(k, 4); before != 2 || table.Get(k) != 6 {
		t.Errorf("marked 2 and 4 it had %d, and has %d", before, table.Get(k))
	}
}

// BenchmarkSet tells what each of ten million objects takes.
func BenchmarkSet(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		var s Set
		for range 10_000_000 {
			var k Key
			binary.LittleEndian.PutUint64(k[:], r.Uint64())
			binary.LittleEndian.PutUint64(k[8:], r.Uint64())
			s.Add(k)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(s.Len()), "B/object")
	}
}

// TestGrowth: what a set takes for many keys it takes once, and moves nothing
// to where there is more room.
func TestGrowth(t *testing.T) {
	const keys = 40_000 // in few lists
	r := rand.New(rand.NewPCG(5, 6))
	var s Set
	s.Add(Key{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range keys {
		var k Key
		binary.BigEndian.PutUint64(k[:], r.Uint64()>>8)
		s.Add(k)
	}
	runtime.ReadMemStats(&after)
	if took := (after.TotalAlloc - before.TotalAlloc) / keys; took > 7 {
		t.Errorf("%d bytes were allocated for each key", took)
	}
}
