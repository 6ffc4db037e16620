package torture

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
)

// TestTorture plays rounds until its time is over, in folders and in Azurite
// at the same time. See the package comment.
func TestTorture(t *testing.T) {
	deadline := time.Now().Add(*duration)
	if end, limited := t.Deadline(); limited && end.Before(deadline.Add(time.Minute)) {
		t.Fatalf("-duration %s does not fit into go test's own limit; add -timeout 0", *duration)
	}
	sum := newTotals()
	sum.lacks(kindFull)
	sum.lacks("store ")
	t.Run("in", func(t *testing.T) {
		t.Run("folders", func(t *testing.T) {
			t.Parallel()
			g := &game{lane: "folders", totals: sum, planner: newPlanner(*seed, 0), deadline: deadline}
			g.play(t, func(t *testing.T, epoch int) *place {
				if epoch%2 == 0 {
					return folderPlace(t)
				}
				p := diskPlace(t) // or the epoch ends here
				sum.has(kindFull)
				return p
			})
		})
		t.Run("Azurite", func(t *testing.T) {
			t.Parallel()
			g := &game{lane: "Azurite", totals: sum, planner: newPlanner(*seed, 1), deadline: deadline}
			c := newCloud(t) // or the test ends here
			sum.has("store ")
			g.play(t, func(et *testing.T, _ int) *place {
				if time.Since(c.started) > freshFor {
					c = newCloud(t)
				}
				return c.place(et)
			})
		})
	})
	t.Log(sum)
	if *duration >= 2*time.Minute && *round == 0 && !t.Failed() {
		for _, kind := range sum.never() {
			t.Errorf("%q was never met", kind)
		}
	}
}

// game plays rounds in one sort of place, one after the other.
type game struct {
	lane     string
	totals   *totals
	planner  *planner
	deadline time.Time
}

// play plays epochs, the first of which are short, so that a short run sees
// all places.
func (g *game) play(t *testing.T, next func(t *testing.T, epoch int) *place) {
	for epoch := 0; *round > 0 && g.planner.round < *round || *round == 0 && time.Now().Before(g.deadline); epoch++ {
		plans := []plan{g.planner.next()}
		for epoch > 1 && len(plans) < 6 {
			plans = append(plans, g.planner.next())
		}
		if g.planner.round < *round {
			continue
		}
		if !t.Run(fmt.Sprintf("from %d", plans[0].round), func(t *testing.T) { g.epoch(t, next(t, epoch), plans) }) {
			return
		}
	}
}

// epoch plays some rounds with one account and one vault.
func (g *game) epoch(t *testing.T, p *place, plans []plan) {
	a := newAccount(t, 280)
	b := newBench(t, a, p, nil)
	e := &epoch{game: g, bench: b, account: a, place: p, seen: map[string]bool{}}
	for i, plan := range plans {
		if i > 0 && *round == 0 && time.Now().After(g.deadline) {
			break
		}
		if e.play(t, plan); t.Failed() {
			t.Logf("seed %d, round %d; again with: go test ./cmd/internal/torture -run TestTorture/in/%s -args -seed %d -round %d", *seed, plan.round, g.lane, *seed, plan.round)
			return
		}
		g.totals.add(&g.totals.rounds, 1)
		if plan.round == *round {
			break
		}
	}
	e.verifyByProgram(t)
}

// epoch is an account and a vault in use.
type epoch struct {
	*game
	bench   *bench
	account *account
	place   *place
	seen    map[string]bool // archives that were judged
	images  int             // that the vault does not have yet, about

	again, storeAgain []planned // faults that were not met when they were planned
}

// play plays one round.
func (e *epoch) play(t *testing.T, p plan) {
	ctx, start := t.Context(), time.Now()
	rng := rand.New(rand.NewPCG(p.seed, 0))
	began := e.account.now()
	e.prepare(rng, p)
	before := e.account.refusals()

	writers := make([]*writer, len(p.writers))
	for i, source := range p.writers {
		writers[i] = e.bench.writer(source, fmt.Sprintf("round-%d-writer-%d", p.round, i))
	}
	armed := e.arm(t, rng, p, writers)
	outcomes := e.run(ctx, p, writers)
	e.account.gremlin.arm(nil, nil)
	if e.place.gremlin != nil {
		e.place.gremlin.arm(nil, nil)
	}
	e.place.free(t)

	e.count(armed, outcomes, e.account.refusals()-before)
	for i, o := range outcomes {
		if why := o.crashed(); why != "" {
			t.Errorf("round %d, program %d: %s: %s", p.round, i, why, o)
		}
	}
	calm := e.calm(t, ctx, p, outcomes)
	e.inspect(t, ctx, append(outcomes, calm...), span{began, e.account.now()})
	for _, w := range writers {
		if err := os.RemoveAll(w.temp); err != nil {
			t.Error(err)
		}
	}
	t.Logf("round %d on %s: %d programs, %d archives judged, %.1f s:%s", p.round, e.place.name, len(outcomes)+len(calm), len(e.seen), time.Since(start).Seconds(), describe(armed))
	if t.Failed() {
		for _, o := range outcomes {
			t.Log(o)
		}
	}
}

// prepare changes the account between two backups, and keeps its size.
func (e *epoch) prepare(rng *rand.Rand, p plan) {
	for range p.fresh / 4 {
		of := e.account.projects[rng.IntN(len(e.account.projects))]
		e.account.add(of, rng, 4)
		if len(of.state) > 320 || len(of.state) > 60 && of.name != "many" {
			e.account.remove(of, rng, 5)
		}
		e.account.disturb(rng, "")
	}
	e.images += p.fresh
	if len(e.seen) == 0 {
		e.images += len(e.account.truth)
	}
}

// arm puts everything in place that a round has planned.
func (e *epoch) arm(t *testing.T, rng *rand.Rand, p plan, writers []*writer) []*fault {
	expected := e.expect(len(writers))
	requests := expected.calls + expected.images
	at := func(f float64, of int) int { return 1 + int(f*float64(of)) }

	var all, service, store []*fault
	plant := func(list *[]*fault, f planned) {
		one := &fault{kind: f.kind.name, where: f.kind.where, after: int(f.at * float64(f.kind.of(expected))), times: f.times, do: f.do}
		*list = append(*list, one)
		all = append(all, one)
	}
	for _, f := range slices.Concat(p.faults, e.again) {
		plant(&service, f)
	}
	var events, storeEvents []event
	if e.place.gremlin != nil {
		for _, f := range slices.Concat(p.store, e.storeAgain) {
			plant(&store, f)
		}
	}
	for _, when := range p.moves {
		seed := rng.Uint64()
		events = append(events, event{at(when, requests), func() {
			e.account.disturb(rand.New(rand.NewPCG(seed, 0)), "")
			e.totals.hit(kindChange, 1)
		}})
	}
	for _, when := range p.expire {
		events = append(events, event{at(when, requests), func() { e.account.svc.Advance(25 * time.Hour) }})
	}
	if e.place.disk != "" && p.full > 0 {
		events = append(events, event{at(p.full, requests), func() { e.place.fill(t, p.leave) }})
	}
	for _, end := range p.ends {
		w := writers[end.writer]
		do := w.kill
		switch {
		case end.how == endInterrupt:
			do = w.interrupt
		case end.how == endWriting && e.place.gremlin == nil:
			do = func() { w.killWriting(e.place) }
		}
		late := func() { time.AfterFunc(time.Duration(end.delay)*time.Millisecond, do) }
		if end.byStore && e.place.gremlin != nil {
			storeEvents = append(storeEvents, event{at(end.at, expected.stored), late})
		} else {
			events = append(events, event{at(end.at, requests), late})
		}
	}
	e.account.gremlin.arm(service, events)
	if e.place.gremlin != nil {
		e.place.gremlin.arm(store, storeEvents)
	}
	return all
}

// requests are how many of each sort a round will probably make, at least.
type requests struct{ calls, images, stored, reads, writes int }

func (e *epoch) expect(programs int) requests {
	return requests{calls: 10 * programs, images: e.images, stored: 10 + 2*e.images, reads: 4 * programs, writes: e.images}
}

// run runs the programs of a round at the same time, to their ends.
func (e *epoch) run(ctx context.Context, p plan, writers []*writer) []*outcome {
	var mu sync.Mutex
	var list []*outcome
	var wg sync.WaitGroup
	for i, w := range writers {
		restarts := 0
		for _, end := range p.ends {
			if end.writer == i && end.again {
				restarts++
			}
		}
		wg.Go(func() {
			for {
				o := w.backup(ctx)
				left := w.leftovers()
				mu.Lock()
				list = append(list, o)
				if !o.killed && len(left) > 0 {
					o.stderr += fmt.Sprintf("\nfatal error: it left %v in its temporary folder", left)
				}
				mu.Unlock()
				if restarts == 0 || !o.killed && !o.interrupted {
					return
				}
				restarts--
				_ = os.RemoveAll(w.temp)
				_ = os.MkdirAll(w.temp, 0o700)
			}
		})
	}
	wg.Wait()
	return list
}

// count adds to the totals what was met, and keeps what was not for the next
// round.
func (e *epoch) count(armed []*fault, outcomes []*outcome, refused int) {
	e.again, e.storeAgain = nil, nil
	for _, f := range armed {
		hits := int(f.hits.Load())
		e.totals.hit(f.kind, hits)
		if hits == 0 {
			keep(&e.again, serviceKinds, f)
			keep(&e.storeAgain, storeKinds, f)
		}
	}
	e.totals.hit(kindExpired, refused)
	for _, o := range outcomes {
		e.totals.run(o)
		if strings.Contains(o.stderr, "no space") {
			e.totals.hit(kindFull, 1)
		}
	}
	for _, path := range e.place.unfinished() {
		e.totals.hit(kindPartial, 1)
		_ = os.Remove(path) // so that it is counted once
	}
}

// keep adds a fault that was not met to the plans for the next round.
func keep(list *[]planned, of []kind, f *fault) {
	const most = 4
	i := slices.IndexFunc(of, func(k kind) bool { return k.name == f.kind })
	if i >= 0 && len(*list) < most {
		*list = append(*list, planned{kind: of[i], do: f.do, times: 1})
	}
}

// atOnce is how many images a backup downloads at once. More may be of use on a
// busy machine, where the service seems to be far away.
const atOnce = 128

// unnamed is how many images a program that was stopped may have stored that
// no journal names: those that it downloads at once, and those that may wait to
// be named.
const unnamed = atOnce + 128

// calm backs up each resource with nothing in the way: it must work, and
// capture the account as it is.
func (e *epoch) calm(t *testing.T, ctx context.Context, p plan, before []*outcome) (list []*outcome) {
	held := e.held(t, ctx)
	e.account.downloads()
	for _, source := range []string{"weu", "neu"} {
		w := e.bench.writer(source, fmt.Sprintf("round-%d-%s", p.round, source))
		o := w.backup(ctx)
		list = append(list, o)
		e.totals.add(&e.totals.calmRuns, 1)
		if o.status != 0 || !o.result.Whole {
			t.Errorf("round %d: with nothing in the way, the %s", p.round, o)
		}
		if left := w.leftovers(); len(left) > 0 {
			t.Errorf("round %d: it left %v in its temporary folder", p.round, left)
		}
		if err := os.RemoveAll(w.temp); err != nil {
			t.Error(err)
		}
	}
	stopped := 0
	for _, o := range before {
		if o.status != 0 && o.status != 4 {
			stopped++
		}
	}
	again, which := 0, []string(nil)
	for id, times := range e.account.downloads() {
		digest, known := e.account.bytesOf(id)
		if known && held[digest.String()] {
			again++
			which = append(which, id)
		} else if times > 1 && stopped == 0 { // else it may be the last that a killed program asked for
			t.Errorf("round %d: image %s was downloaded %d times, with nothing in the way", p.round, id, times)
		}
	}
	e.totals.add(&e.totals.again, again)
	if again > stopped*unnamed {
		t.Errorf("round %d: %d images were downloaded again although the vault had them (%v); %d programs had not come to their end", p.round, again, which, stopped)
	}
	e.images = 0
	return list
}

// held lists the digests of all objects that the vault has.
func (e *epoch) held(t *testing.T, ctx context.Context) map[string]bool {
	held := map[string]bool{}
	for info, err := range e.place.store.List(ctx, "objects/") {
		if err != nil {
			t.Errorf("list the objects: %v", err)
			break
		}
		held[digestOf(info.Name)] = true
	}
	return held
}

// digestOf returns the digest that an object's name says.
func digestOf(name string) string {
	digest, _, _ := strings.Cut(name[strings.LastIndex(name, "/")+1:], ".")
	return digest
}

// inspect looks at everything that is in the vault after a round.
func (e *epoch) inspect(t *testing.T, ctx context.Context, outcomes []*outcome, round span) {
	m, err := e.place.mirror(ctx)
	if err != nil {
		t.Errorf("read the vault: %v", err)
		return
	}
	v, err := vault.Open(ctx, m)
	if err != nil {
		t.Errorf("open the vault: %v", err)
		return
	}
	e.inspectObjects(t, m)
	strays, err := v.Strays(ctx)
	if err != nil || len(strays) > 0 {
		t.Errorf("among the archives are %v (%v)", strays, err)
	}
	archives, err := v.Archives(ctx)
	if err != nil {
		t.Errorf("list the archives: %v", err)
		return
	}
	e.verify(t, ctx, v, archives)
	e.inspectArchives(t, ctx, v, archives, outcomes, round)
}

// inspectObjects finds objects that are stored twice, or that are not what
// their names say.
func (e *epoch) inspectObjects(t *testing.T, m *vaulttest.Memory) {
	twice := map[string]string{}
	for _, name := range m.Names() {
		if !strings.HasPrefix(name, "objects/") {
			continue
		}
		digest := digestOf(name)
		if other, there := twice[digest]; there {
			t.Errorf("stored twice: %s and %s", other, name)
		}
		twice[digest] = name
		if sum := manifest.Digest(sha256.Sum256(m.Bytes(name))); sum.String() != digest {
			t.Errorf("%s holds %d bytes with the digest %s", name, len(m.Bytes(name)), sum)
			e.totals.add(&e.totals.losses, 1)
		}
	}
}

// verify verifies every archive of the vault, every byte.
func (e *epoch) verify(t *testing.T, ctx context.Context, v *vault.Vault, archives []vault.Archive) {
	for _, a := range archives {
		report, err := verify.Archive(ctx, v, a, verify.Options{ReadData: true})
		if err != nil {
			t.Errorf("verify %s: %v", a.Name, err)
			continue
		}
		e.totals.add(&e.totals.verified, 1)
		for _, p := range report.Problems {
			t.Errorf("verify %s: %s: %s", a.Name, p.Item, p.Reason)
			e.totals.add(&e.totals.losses, 1)
		}
	}
}

// inspectArchives judges the archives that are new.
func (e *epoch) inspectArchives(t *testing.T, ctx context.Context, v *vault.Vault, archives []vault.Archive, outcomes []*outcome, round span) {
	spans := map[string]*outcome{}
	for _, o := range outcomes {
		if o.result.Archive != "" {
			spans[o.result.Archive] = o
		}
	}
	for _, a := range archives {
		if e.seen[a.Name] {
			continue
		}
		e.seen[a.Name] = true
		at := round // of an archive that was written by a program killed right after
		o := spans[a.Name]
		if o != nil {
			at = o.at
			delete(spans, a.Name)
		}
		out, err := e.account.judge(ctx, v, a, at)
		if err != nil {
			t.Errorf("read %s: %v", a.Name, err)
			continue
		}
		e.totals.judge(out)
		for _, p := range out.problems {
			t.Errorf("archive %s: %s", a.Name, p)
		}
		if o != nil && o.result.Whole != (out.marked == 0) && o.status != 4 {
			t.Errorf("archive %s: %d projects are marked, and the %s", a.Name, out.marked, o)
		}
	}
	for name, o := range spans {
		t.Errorf("archive %s is not in the vault, although the %s", name, o)
		e.totals.add(&e.totals.losses, 1)
	}
}

// verifyByProgram ends an epoch with the program's own look at the vault.
func (e *epoch) verifyByProgram(t *testing.T) {
	out, err := e.bench.command("verify", "--all", "--read-data").CombinedOutput()
	if err != nil {
		t.Errorf("verify --all --read-data: %v\n%s", err, out)
	}
}

// bytesOf finds the digest of an image by its id without hyphens, unless other
// images have the same bytes: those may be stored because of these.
func (a *account) bytesOf(id string) (d manifest.Digest, ok bool) {
	key, err := uuid.Parse(id)
	if err != nil {
		return d, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	d, ok = a.truth[key.String()]
	return d, ok && a.uses[d] == 1
}

func describe(armed []*fault) string {
	var b strings.Builder
	for _, f := range armed {
		fmt.Fprintf(&b, " %s (%d)", f.kind, f.hits.Load())
	}
	return b.String()
}
