package torture

import (
	"math/rand/v2"
)

// plan is what a round does to the programs. Positions are fractions of how
// many requests are expected.
type plan struct {
	round   int
	writers []string // the sources that are backed up, one program each
	fresh   int      // images added before
	faults  []planned
	store   []planned // in rounds with a store that can fail
	moves   []float64 // changes of the account
	expire  []float64 // moves of the service's clock
	ends    []ending
	full    float64 // when the small disk becomes full; 0: not
	leave   int64   // bytes that are left then
	seed    uint64  // of what the changes are
}

type planned struct {
	kind  kind
	do    strike
	at    float64
	times int
}

// ending is a signal to one of the programs.
type ending struct {
	writer  int
	at      float64
	byStore bool // counted at the store
	delay   int  // milliseconds after the request
	how     end
	again   bool // the program is started again, in the middle of it all
}

// end is how a program is ended.
type end int

const (
	endKill end = iota
	endInterrupt
	endWriting // killed while it writes a file, where that can be seen
)

// planner makes the plans of all rounds, one after the other.
type planner struct {
	rng            *rand.Rand
	service, store deck
	round, ended   int
}

func newPlanner(seed, lane uint64) *planner {
	return &planner{rng: rand.New(rand.NewPCG(seed, lane)), service: deck{kinds: serviceKinds}, store: deck{kinds: storeKinds}}
}

var casts = [][]string{
	{"weu"}, {"weu", "weu"}, {"weu", "neu"}, {"weu", "weu", "neu"}, {"weu"}, {"weu", "neu"},
}

func (p *planner) next() plan {
	p.round++
	rng := p.rng
	out := plan{round: p.round, writers: casts[rng.IntN(len(casts))], fresh: 15 + rng.IntN(40), seed: rng.Uint64()}
	for range 3 + rng.IntN(4) {
		out.faults = append(out.faults, plant(rng, p.service.deal(rng)))
	}
	for range 2 + rng.IntN(2) {
		out.store = append(out.store, plant(rng, p.store.deal(rng)))
	}
	for range rng.IntN(12) {
		out.moves = append(out.moves, rng.Float64())
	}
	if rng.IntN(3) == 0 {
		out.expire = []float64{rng.Float64()}
	}
	for range []int{0, 0, 1, 1, 1, 2, 3}[rng.IntN(7)] {
		out.ends = append(out.ends, ending{
			writer: rng.IntN(len(out.writers)), at: rng.Float64(), byStore: rng.IntN(2) == 0,
			delay: rng.IntN(2) * rng.IntN(400), how: []end{endKill, endWriting, endKill, endInterrupt}[p.ended%4], again: rng.IntN(2) == 0,
		})
		p.ended++
	}
	if rng.IntN(4) > 0 {
		out.full, out.leave = rng.Float64(), rng.Int64N(64<<10)
	}
	return out
}

func plant(rng *rand.Rand, k kind) planned {
	f := planned{kind: k, do: k.do(rng), at: rng.Float64() * 0.7, times: 1 + rng.IntN(2)}
	if rng.IntN(16) == 0 {
		f.times = 6 // more than anybody repeats
	}
	return f
}
