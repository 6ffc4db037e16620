package inventory_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"sync/atomic"
	"testing"

	"cvarchive/archive/inventory"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
)

// paged is a store that is asked over a network: it counts requests, also
// those of a listing.
type paged struct {
	*vaulttest.Counter
	page   int
	pages  atomic.Int64
	broken bool // its listing ends in an error
}

func (s *paged) PageSize() int { return s.page }

// List implements [vault.Store].
func (s *paged) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	return func(yield func(vault.Info, error) bool) {
		s.pages.Add(1)
		n := 0
		for info, err := range s.Counter.List(ctx, prefix) {
			if n++; n%s.page == 1 && n > 1 {
				s.pages.Add(1)
				if s.broken {
					yield(vault.Info{}, errors.New("the listing ended"))
					return
				}
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func numbered(n int) ([]byte, manifest.Object) {
	data := binary.BigEndian.AppendUint32(nil, uint32(n))
	return data, manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: "jpg"}
}

func TestRequests(t *testing.T) {
	for name, c := range map[string]struct {
		objects, page, asked, announced int
		broken                          bool
		pages, stats                    int64 // at most
	}{
		"one page":          {objects: 300, page: 5000, asked: 300, announced: 300, pages: 1},
		"few":               {objects: 300, page: 5000, asked: 5, announced: 5, stats: 5},
		"not announced":     {objects: 300, page: 5000, asked: 100, stats: 100},
		"in order":          {objects: 1000, page: 100, asked: 1000, announced: 1000, pages: 11},
		"by shards":         {objects: 2000, page: 20, asked: 2000, announced: 2000, pages: 256 + 2},
		"dear":              {objects: 2000, page: 100, asked: 12, announced: 12, pages: 2, stats: 12},
		"may not be listed": {objects: 300, page: 100, asked: 300, announced: 300, broken: true, pages: 2, stats: 200},
	} {
		t.Run(name, func(t *testing.T) {
			memory := vaulttest.NewMemory()
			s := &paged{Counter: vaulttest.Count(memory), page: c.page, broken: c.broken}
			v := vaulttest.Init(t, s)
			for n := range c.objects {
				data, o := numbered(n)
				memory.Put(v.ObjectName(o), data)
			}
			before := s.pages.Load()
			i := inventory.New(t.Context(), v)
			i.Expect(int64(c.announced))
			for n := range c.asked {
				_, o := numbered(n)
				if has, err := i.HasObject(t.Context(), o); !has || err != nil {
					t.Fatalf("object %d: %v, %v", n, has, err)
				}
			}
			if pages, stats := s.pages.Load()-before, s.Stats.Load(); pages > c.pages || stats > c.stats {
				t.Errorf("%d pages and %d questions, want at most %d and %d", pages, stats, c.pages, c.stats)
			}
		})
	}
}

// What is missing, damaged or stored since is told as by the vault itself.
func TestAnswers(t *testing.T) {
	memory := vaulttest.NewMemory()
	s := &paged{Counter: vaulttest.Count(memory), page: 100}
	v := vaulttest.Init(t, s)
	for n := range 20 {
		data, o := numbered(n)
		memory.Put(v.ObjectName(o), data[:len(data)-n%2]) // every other is short
	}
	i := inventory.New(t.Context(), v)
	i.Expect(100)
	for n := range 30 {
		_, o := numbered(n)
		has, err := i.HasObject(t.Context(), o)
		_, damaged := errors.AsType[*vault.ObjectError](err)
		if has != (n < 20 && n%2 == 0) || damaged != (n < 20 && n%2 == 1) || err != nil && !damaged {
			t.Errorf("object %d: %v, %v", n, has, err)
		}
	}
	data, late := numbered(99)
	memory.Put(v.ObjectName(late), data)
	if has, err := i.HasObject(t.Context(), late); !has || err != nil {
		t.Errorf("stored after the listing: %v, %v", has, err)
	}
}

func TestPutOnce(t *testing.T) {
	memory := vaulttest.NewMemory()
	s := &paged{Counter: vaulttest.Count(memory), page: 100}
	v := vaulttest.Init(t, s)
	there, o := numbered(0)
	memory.Put(v.ObjectName(o), there)
	i := inventory.New(t.Context(), v)
	i.Expect(100)
	if has, err := i.HasObject(t.Context(), o); !has || err != nil { // waits for the listing
		t.Fatal(has, err)
	}
	before := s.Creates.Load()
	for n, want := range []struct {
		number  int
		existed bool
		creates int64
	}{{0, true, 0}, {1, false, 1}, {1, true, 1}} {
		data, o := numbered(want.number)
		existed, err := i.PutObject(t.Context(), o, bytes.NewReader(data))
		if existed != want.existed || err != nil || s.Creates.Load()-before != want.creates {
			t.Errorf("%d: existed %v, %v, after %d requests to create", n, existed, err, s.Creates.Load()-before)
		}
	}
	if _, err := i.PutObject(t.Context(), manifest.Object{}, io.NewSectionReader(nil, 0, 0)); err == nil {
		t.Error("an object without a digest was stored")
	}
}
