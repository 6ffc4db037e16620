package download_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cvarchive/archive/download"
)

// place is where items come from: each takes a while to come, and one of a few
// machines some time to be worked on.
type place struct {
	away     time.Duration
	work     time.Duration
	machines chan struct{}
}

func (p *place) get() {
	time.Sleep(p.away)
	p.machines <- struct{}{}
	time.Sleep(p.work)
	<-p.machines
}

// run gets items through the gate, at most so many a second, and returns how
// long that takes.
func run(t *testing.T, g *download.Gate, p *place, items int, every time.Duration) time.Duration {
	var wg sync.WaitGroup
	began := time.Now()
	for i := range items {
		time.Sleep(time.Until(began.Add(time.Duration(i) * every)))
		if err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			start := time.Now()
			p.get()
			g.Leave(time.Since(start))
		})
	}
	wg.Wait()
	return time.Since(began)
}

func TestGate(t *testing.T) {
	for _, tt := range []struct {
		name     string
		most     int
		away     time.Duration
		work     time.Duration
		machines int
		every    time.Duration // between items
		atMost   float64       // the time, to that of the narrowest
		from, to int           // the bound afterwards
	}{
		{"far away", 512, 120 * time.Millisecond, 100 * time.Microsecond, 2, 400 * time.Microsecond, 1.05, 256, 512},
		{"very far away", 512, time.Second, time.Microsecond, 2, 4 * time.Millisecond, 1.1, 200, 512},
		{"near", 512, 0, 500 * time.Microsecond, 2, 0, 1.01, 16, 64},
		{"near, and slow to come", 512, 0, 500 * time.Microsecond, 2, time.Millisecond, 1.01, 16, 16},
		{"a narrow link", 512, 120 * time.Millisecond, 40 * time.Millisecond, 1, 0, 1.01, 16, 48},
		{"few allowed", 8, 120 * time.Millisecond, time.Microsecond, 2, 0, 1.01, 8, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const items = 20_000
				g := download.NewGate(tt.most)
				took := run(t, g, &place{tt.away, tt.work, make(chan struct{}, tt.machines)}, items, tt.every)
				least := max(tt.every, tt.work/time.Duration(tt.machines))
				if tt.most == 8 {
					least = tt.away / 8
				}
				ratio := float64(took) / float64(items*least+tt.away)
				t.Logf("%v, %.3f of the least, %d at once", took, ratio, g.Limit())
				if n := g.Limit(); ratio > tt.atMost || n < tt.from || n > tt.to {
					t.Errorf("want at most %.2f, and %d to %d at once", tt.atMost, tt.from, tt.to)
				}
			})
		})
	}
}

// The images of a page do not wait long for the gate to open.
func TestGateOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &place{120 * time.Millisecond, time.Microsecond, make(chan struct{}, 2)}
		if took := run(t, download.NewGate(512), p, 256, 0); took > 4*p.away {
			t.Errorf("256 items took %v, which is more than four times what each takes", took)
		}
	})
}

// The way becomes ten times as long.
func TestGateMeasuresAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, p := download.NewGate(512), &place{20 * time.Millisecond, time.Microsecond, make(chan struct{}, 2)}
		run(t, g, p, 10_000, 500*time.Microsecond)
		p.away = 200 * time.Millisecond
		run(t, g, p, 10_000, 500*time.Microsecond)
		if took := run(t, g, p, 10_000, 500*time.Microsecond); took > 5500*time.Millisecond {
			t.Errorf("10,000 items took %v where they came within 5 s; %d at once", took, g.Limit())
		}
	})
}

// Who gives up leaves the place to others.
func TestGateGivenUp(t *testing.T) {
	g := download.NewGate(1)
	if err := g.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	var given atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 10 {
		wg.Go(func() {
			switch err := g.Enter(ctx); {
			case err == nil:
				g.Leave(0)
			case errors.Is(err, context.Canceled):
				given.Add(1)
			}
		})
	}
	cancel()
	g.Leave(0)
	wg.Wait()
	if err := g.Enter(t.Context()); err != nil {
		t.Error(err)
	}
	t.Logf("%d of 10 gave up", given.Load())
}
