package torture

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// totals are what a whole run came to.
type totals struct {
	mu      sync.Mutex
	order   []string
	met     map[string]int
	rounds  int
	lacking []string

	runs     int // programs started in the middle of faults
	statuses map[int]int
	calmRuns int
	archives int
	verified int
	projects verdict // counts only
	losses   int
	again    int // images downloaded again although the vault had them
}

func newTotals() *totals {
	s := &totals{met: map[string]int{}, statuses: map[int]int{}}
	for _, k := range serviceKinds {
		s.order = append(s.order, k.name)
	}
	for _, k := range storeKinds {
		s.order = append(s.order, k.name)
	}
	s.order = append(s.order, kindExpired, kindChange, kindFull, kindKill, kindPartial, kindInterrupt)
	return s
}

func (s *totals) hit(kind string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.met[kind] += n
}

func (s *totals) add(to *int, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*to += n
}

// run counts how a program ended in the middle of faults.
func (s *totals) run(o *outcome) {
	s.mu.Lock()
	s.runs++
	s.statuses[o.status]++
	s.mu.Unlock()
	switch {
	case o.killed:
		s.hit(kindKill, 1)
	case o.interrupted && o.status == 130:
		s.hit(kindInterrupt, 1)
	}
}

func (s *totals) judge(v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archives++
	s.projects.consistent += v.consistent
	s.projects.marked += v.marked
	s.projects.wrongBytes += v.wrongBytes
	s.losses += len(v.problems)
}

// lacks says that the machine has no place for kinds of faults whose names
// begin so, and has that it does have one.
func (s *totals) lacks(prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lacking = append(s.lacking, prefix)
}

func (s *totals) has(prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lacking = slices.DeleteFunc(s.lacking, func(p string) bool { return p == prefix })
}

// never lists the kinds that were not met, of those that the machine has a
// place for.
func (s *totals) never() (list []string) {
	for _, kind := range s.order {
		if s.met[kind] == 0 && !slices.ContainsFunc(s.lacking, func(p string) bool { return strings.HasPrefix(kind, p) }) {
			list = append(list, kind)
		}
	}
	return list
}

// String tells all of it, with one line of totals at the end.
func (s *totals) String() string {
	var b strings.Builder
	b.WriteString("what was met:\n")
	faults := 0
	for _, kind := range s.order {
		fmt.Fprintf(&b, "%8d  %s\n", s.met[kind], kind)
		if kind != kindKill && kind != kindInterrupt {
			faults += s.met[kind]
		}
	}
	fmt.Fprintf(&b, "how %d programs ended in the middle of it: %d with 0, %d with 4 (not whole), %d with 1, %d with 130, %d killed\n",
		s.runs, s.statuses[0], s.statuses[4], s.statuses[1], s.statuses[130], s.met[kindKill])
	fmt.Fprintf(&b, "%d archives of %d projects as they really were and %d marked as not whole; %d images with wrong bytes, marked\n",
		s.archives, s.projects.consistent, s.projects.marked, s.projects.wrongBytes)
	fmt.Fprintf(&b, "seed %d: %d rounds, %d kills, %d interruptions, %d faults met, %d backups afterwards all whole, %d verifications, %d losses, %d images downloaded although stored",
		*seed, s.rounds, s.met[kindKill], s.met[kindInterrupt], faults, s.calmRuns, s.verified, s.losses, s.again)
	return b.String()
}
