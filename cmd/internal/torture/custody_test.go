package torture

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cvarchive/archive"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
)

// TestCustody lets backups, prunes and copies of one vault, and prunes of its
// copy, run at the same time, and kills them; in folders, encrypted and
// not, and in Azurite. Time
// passes in between, so that what is old goes. After each round, every object
// that an archive names is there, byte by byte, in both vaults; the next
// backup is whole and the next copy has everything; and when the grace period
// is over, a prune leaves nothing that no archive names.
func TestCustody(t *testing.T) {
	var sum custodyTotals
	deadline := time.Now().Add(*custody)
	lanes := []struct {
		name   string
		places func(t *testing.T, epoch int) (main, copied *place)
	}{
		{"folders", func(t *testing.T, epoch int) (*place, *place) {
			if epoch%2 == 0 {
				p := encryptedPlaces(t, 2)
				return p[0], p[1]
			}
			return folderPlace(t), folderPlace(t)
		}},
		{"Azurite", func(t *testing.T, _ int) (*place, *place) { c := newCloud(t); return c.place(t), c.place(t) }},
	}
	t.Run("in", func(t *testing.T) {
		for lane, l := range lanes {
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				for epoch := 0; epoch == 0 || time.Now().Before(deadline) && !t.Failed(); epoch++ {
					t.Run("epoch", func(t *testing.T) {
						main, copied := l.places(t, epoch)
						newKeepers(t, &sum, main, copied, rand.New(rand.NewPCG(*seed, uint64(1000*lane+epoch)))).play(deadline)
					})
				}
			})
		}
	})
	t.Logf("seed %d: %s", *seed, &sum)
	for _, verb := range []string{"backup", "copy", "prune"} {
		if *custody >= 15*time.Second && sum.killed[verb] == 0 {
			t.Errorf("no %s was killed", verb)
		}
	}
}

// grace is what prunes are given; backups and copies take seconds, and rounds
// let hours pass.
const grace = 24 * time.Hour

// keepers are the programs that look after a vault and its copy.
type keepers struct {
	t       *testing.T
	sum     *custodyTotals
	rng     *rand.Rand
	account *account
	vault   *place
	copied  *place
	main    *bench                   // of the vault
	second  *bench                   // of its copy
	took    map[string]time.Duration // how long a verb took when nothing killed it
}

func newKeepers(t *testing.T, sum *custodyTotals, main, copied *place, rng *rand.Rand) *keepers {
	a := newAccount(t, 60)
	return &keepers{
		t: t, sum: sum, rng: rng, account: a, vault: main, copied: copied, took: map[string]time.Duration{},
		main: newBench(t, a, main, map[string]*place{"copy": copied}), second: newBench(t, a, copied, nil),
	}
}

// play plays rounds until the time is over, and a sweep after a few of them.
func (k *keepers) play(deadline time.Time) {
	const rounds = 10 // then another account begins
	k.calm()
	for n := 1; n <= rounds && !k.t.Failed(); n++ {
		k.round()
		k.sum.add(&k.sum.rounds, 1)
		last := n == rounds || time.Now().After(deadline)
		if n%5 == 0 || last {
			k.sweep()
		}
		if last {
			return
		}
	}
}

// round lets programs run at the same time, kills some, and looks.
func (k *keepers) round() {
	for range k.rng.IntN(4) {
		k.account.disturb(k.rng, "")
	}
	k.age(time.Duration(k.rng.IntN(30)) * time.Hour)
	jobs := []job{{k.main, backupOf("weu")}, {k.main, k.pruning()}, {k.main, copyAll}}
	for _, more := range []job{{k.main, backupOf("weu")}, {k.main, backupOf("neu")}, {k.main, k.pruning()}, {k.second, k.pruning()}, {k.main, copyAll}} {
		if k.rng.IntN(2) == 0 {
			jobs = append(jobs, more)
		}
	}
	var wg sync.WaitGroup
	for i, j := range jobs {
		kill, again := k.rng.Float64(), k.rng.IntN(3) == 0
		wg.Go(func() {
			w := j.bench.writer("", fmt.Sprintf("program-%d", i))
			defer os.RemoveAll(w.temp)
			if k.run(w, kill, j.args) && again {
				k.run(w, -1, j.args)
			}
		})
	}
	wg.Wait()
	k.inspect("after the round")
	k.calm()
	k.inspect("after calm programs")
}

// job is a program to be run with one of the configs.
type job struct {
	bench *bench
	args  []string
}

func backupOf(source string) []string { return []string{"backup", source} }

var copyAll = []string{"copy", "--all", "--to", "copy"}

// pruning is a prune that keeps little.
func (k *keepers) pruning() []string {
	return []string{"prune", "--keep-last", fmt.Sprint(1 + k.rng.IntN(2)), "--grace", grace.String()}
}

// run runs a program, and kills it after a share of the time that it should
// take; not at all when that is negative. It reports whether it was killed.
func (k *keepers) run(w *writer, kill float64, args []string) bool {
	if kill >= 0 {
		stop := time.AfterFunc(time.Duration(kill*1.5*float64(k.usually(args[0]))), w.kill)
		defer stop.Stop()
	}
	o := &outcome{source: strings.Join(args, " ")}
	w.run(k.t.Context(), o, append(slices.Clone(args), "--progress", "none")...)
	k.sum.program(args[0], o)
	// Beside others: a copy or a prune may meet what goes in this moment.
	if why := o.crashed(); why != "" {
		k.t.Errorf("%s: the %s", why, o)
	}
	if !o.killed {
		k.learn(args[0], o.took)
		if o.status != 0 {
			k.t.Logf("beside others, the %s", o)
		}
	}
	return o.killed
}

func (k *keepers) usually(verb string) time.Duration {
	k.sum.mu.Lock()
	defer k.sum.mu.Unlock()
	return max(k.took[verb], 50*time.Millisecond)
}

func (k *keepers) learn(verb string, took time.Duration) {
	k.sum.mu.Lock()
	defer k.sum.mu.Unlock()
	k.took[verb] = (k.took[verb] + took) / 2
}

func (k *keepers) age(by time.Duration) {
	k.vault.age(k.t, by)
	if k.copied.clock == nil { // else they have one clock
		k.copied.age(k.t, by)
	}
}

// calm backs up and copies with nothing in the way.
func (k *keepers) calm() {
	for _, source := range []string{"weu", "neu"} {
		w := k.main.writer(source, "calm")
		o := w.backup(k.t.Context())
		if o.status != 0 || !o.result.Whole {
			k.t.Errorf("with nothing in the way, the %s", o)
			return
		}
		k.learn("backup", o.took)
		k.judge(o)
	}
	k.must(k.main, copyAll...)
	if missing := slices.DeleteFunc(k.archives(k.vault), func(name string) bool { return slices.Contains(k.archives(k.copied), name) }); len(missing) > 0 {
		k.t.Errorf("after a copy, the other vault lacks %v", missing)
	}
}

// judge holds a backup's archive against the account.
func (k *keepers) judge(o *outcome) {
	v := k.vault.open(k.t, k.vault.store)
	entry, err := v.Resolve(k.t.Context(), o.result.Archive)
	if err != nil {
		k.t.Fatal(err)
	}
	out, err := k.account.judge(k.t.Context(), v, entry, o.at)
	if err != nil || len(out.problems) > 0 || out.marked > 0 {
		k.t.Errorf("archive %s: %+v, %v", entry.Name, out, err)
	}
}

// must runs a program that has to end with 0.
func (k *keepers) must(b *bench, args ...string) *outcome {
	w := b.writer("", "calm")
	o := &outcome{source: strings.Join(args, " ")}
	w.run(k.t.Context(), o, append(slices.Clone(args), "--progress", "none")...)
	if o.status != 0 {
		k.t.Errorf("with nothing in the way, the %s", o)
	}
	k.learn(args[0], o.took)
	return o
}

func (k *keepers) archives(p *place) (names []string) {
	list, err := p.open(k.t, p.store).Archives(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	for _, a := range list {
		names = append(names, a.Name)
	}
	return names
}

// inspect verifies all archives of both vaults, every byte.
func (k *keepers) inspect(when string) {
	for _, p := range []*place{k.vault, k.copied} {
		m, err := p.mirror(k.t.Context())
		if err != nil {
			k.t.Fatal(err)
		}
		v := p.open(k.t, m)
		archives, err := v.Archives(k.t.Context())
		if err != nil {
			k.t.Fatal(err)
		}
		for _, a := range archives {
			report, err := verify.Archive(k.t.Context(), v, a, verify.Options{ReadData: true})
			if err != nil {
				k.t.Errorf("%s, in %s: verify %s: %v", when, p.url, a.Name, err)
				continue
			}
			k.sum.add(&k.sum.verified, 1)
			for _, problem := range report.Problems {
				k.sum.add(&k.sum.lost, 1)
				k.t.Errorf("%s, in %s: %s: %s: %s", when, p.url, a.Name, problem.Item, problem.Reason)
			}
		}
	}
}

// sweep lets the grace period pass twice, once over what was stored and once
// over what was pruned, and finds what is left that no archive names.
func (k *keepers) sweep() {
	said := map[*place][]*outcome{}
	for range 2 {
		k.age(2 * grace)
		for _, b := range []*bench{k.main, k.second} {
			said[b.place] = append(said[b.place], k.must(b, "prune", "--keep-last", "1", "--grace", grace.String()))
		}
	}
	for _, p := range []*place{k.vault, k.copied} {
		m, err := p.mirror(k.t.Context())
		if err != nil {
			k.t.Fatal(err)
		}
		left := append(k.unnamed(k.t.Context(), p, m), p.unfinished()...)
		k.sum.add(&k.sum.left, len(left))
		if len(left) > 0 {
			k.t.Errorf("after the grace period, %s still has %d files that no archive names: %v; %v", p.url, len(left), left[:min(len(left), 5)], said[p])
		}
	}
	k.sum.add(&k.sum.sweeps, 1)
	k.inspect("after a sweep")
}

// unnamed lists the files of a vault that are neither its archives nor what
// these name.
func (k *keepers) unnamed(ctx context.Context, p *place, m *vaulttest.Memory) []string {
	v := p.open(k.t, m)
	left := map[string]bool{}
	for _, name := range m.Names() {
		left[name] = true
	}
	delete(left, "cvarchive.json")
	archives, err := v.Archives(ctx)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, a := range archives {
		delete(left, a.Path)
		maps.DeleteFunc(left, func(name string, _ bool) bool { return strings.HasPrefix(name, "index/"+a.Name+"-") })
		f, err := v.OpenArchive(ctx, a)
		if err != nil {
			k.t.Fatal(err)
		}
		r, err := archive.NewReader(f, f.Size())
		if err != nil {
			k.t.Fatal(err)
		}
		for o, err := range r.Objects(ctx) {
			if err != nil {
				k.t.Fatal(err)
			}
			delete(left, v.ObjectName(o))
		}
		f.Close()
	}
	return slices.Sorted(maps.Keys(left))
}

// custodyTotals are what all rounds came to.
type custodyTotals struct {
	mu                                   sync.Mutex
	rounds, sweeps, verified, lost, left int
	runs, killed                         map[string]int // by verb
	failed                               int
}

func (s *custodyTotals) add(to *int, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*to += n
}

func (s *custodyTotals) program(verb string, o *outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs, s.killed = map[string]int{}, map[string]int{}
	}
	s.runs[verb]++
	if o.killed {
		s.killed[verb]++
	} else if o.status != 0 {
		s.failed++
	}
}

// String tells all of it in a line.
func (s *custodyTotals) String() string {
	var verbs []string
	for _, verb := range slices.Sorted(maps.Keys(s.runs)) {
		verbs = append(verbs, fmt.Sprintf("%s %d of %d", verb, s.killed[verb], s.runs[verb]))
	}
	return fmt.Sprintf("%d rounds, killed: %s; %d programs failed in the middle of it; %d verifications, %d objects lost, %d sweeps, %d files left behind",
		s.rounds, strings.Join(verbs, ", "), s.failed, s.verified, s.lost, s.sweeps, s.left)
}
