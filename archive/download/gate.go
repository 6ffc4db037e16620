package download

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Gate bounds how many items are under way at once, and finds out how many
// that should be: with a service that is far away, hundreds, for each mostly
// waits; with one that is near, few, for more would only wait for each other and
// take memory.
//
// It begins with few and counts in rounds, of as many items as may be under
// way. The least mean time that an item took in a round is what it takes when
// it is not in the way of others. As long as it takes less than twice that,
// more at once bring more, and the bound rises, to double at most, or to four times
// as many until items have been in each other's way for the first time; when it takes
// longer, the bound sinks in proportion. So it settles where about half of what
// is under way waits for the other half, which keeps whatever is narrow busy.
// Now and then a quarter of them measures the least time anew, for the way may
// have become longer; with half of them, the bound would creep up.
//
// It is safe for concurrent use.
type Gate struct {
	most int

	mu      sync.Mutex
	limit   int
	inside  int
	waiting []chan struct{} // closed to let one in

	least   time.Duration // mean of the best round; 0: none yet
	rounds  int           // since it was measured anew
	counted int           // items of this round
	took    time.Duration // by them
	crowded bool          // a round has taken clearly more than the best
	skip    int           // items that began under another bound
	full    bool          // somebody had to wait in this round
}

const (
	gateFirst  = 16 // at once, to begin with and at least
	gateRounds = 64 // until the least time is measured anew
)

// NewGate returns a gate for so many items at once at most.
func NewGate(most int) *Gate {
	return &Gate{most: most, limit: min(gateFirst, most)}
}

// Enter waits for its turn. It fails only with the context.
func (g *Gate) Enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	if g.inside < g.limit && len(g.waiting) == 0 {
		g.inside++
		g.mu.Unlock()
		return nil
	}
	g.full = true
	turn := make(chan struct{})
	g.waiting = append(g.waiting, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, turn); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	} else { // it was let in at the same moment
		g.inside--
		g.admit()
	}
	return ctx.Err()
}

// Leave says that an item that entered is done, and how long it took; 0, when
// that is not typical.
func (g *Gate) Leave(took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if took > 0 {
		g.count(took)
	}
	g.admit()
}

// Limit returns how many may be under way now.
func (g *Gate) Limit() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.limit
}

// admit lets in who waits, as far as there is room.
func (g *Gate) admit() {
	for len(g.waiting) > 0 && g.inside < g.limit {
		g.inside++
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
	}
}

// count adds an item to the round, and sets the bound when that is complete.
func (g *Gate) count(took time.Duration) {
	if g.skip > 0 {
		g.skip--
		return
	}
	g.took += took
	if g.counted++; g.counted < g.limit {
		return
	}
	mean := g.took / time.Duration(g.counted)
	full := g.full
	g.counted, g.took, g.full = 0, 0, len(g.waiting) > 0
	if g.least == 0 || mean < g.least {
		g.least = mean
	}
	if !full {
		return // more would not have come
	}
	if g.rounds++; g.rounds == gateRounds {
		g.rounds, g.least, g.skip = 0, 0, g.inside
		g.set(g.limit / 4)
		return
	}
	factor := 2 * float64(g.least) / float64(mean)
	if g.crowded = g.crowded || factor < 1.6; !g.crowded {
		factor = 4 // the images of a page should not take longer to begin than to come
	}
	g.set(int(float64(g.limit) * max(0.5, factor)))
}

func (g *Gate) set(limit int) { g.limit = min(max(limit, gateFirst), g.most) }
