package export

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxElement bounds an element of a path in bytes, so that it fits every file
// system with something added.
const maxElement = 100

// reserved are names that Windows keeps for devices.
var reserved = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true}

func isReserved(name string) bool {
	stem, _, _ := strings.Cut(strings.ToLower(name), ".")
	port := strings.HasPrefix(stem, "com") || strings.HasPrefix(stem, "lpt")
	return reserved[stem] || port && utf8.RuneCountInString(stem) == 4
}

// element makes an element of a path of a name: nothing that separates,
// steers, hides or means something to a system, and no more than fits.
func element(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == utf8.RuneError, strings.ContainsRune(`<>:"/\|?*`, r), r != ' ' && !unicode.IsGraphic(r), unicode.Is(unicode.Zs, r) && r != ' ':
			r = '_'
		}
		if b.Len()+utf8.RuneLen(r) > maxElement {
			break
		}
		b.WriteRune(r)
	}
	s := strings.TrimRight(strings.TrimSpace(b.String()), ". ")
	if s == "" || strings.HasPrefix(s, ".") || isReserved(s) {
		s = "_" + s
	}
	return s
}

// elements gives each of the named things an element of a path that no other
// has, whatever the letter case. One that is not its name, or that another has
// too, carries the beginning of its id, so that it does not depend on which
// things are asked for.
func elements[T any](things []T, name, id func(T) string) map[string]string {
	times := map[string]int{}
	for _, t := range things {
		times[fold(element(name(t)))]++
	}
	out, taken := map[string]string{}, map[string]bool{}
	for _, t := range things {
		e := element(name(t))
		if e != name(t) || times[fold(e)] > 1 {
			e += fmt.Sprintf(" ~%s", element(short(id(t))))
		}
		for n := 2; taken[fold(e)]; n++ { // ids of hostile archives
			e = fmt.Sprintf("%s ~%d", element(name(t)), n)
		}
		taken[fold(e)] = true
		out[id(t)] = e
	}
	return out
}

// fold is what a file system that does not mind letter case takes for equal.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

func short(id string) string { return id[:min(len(id), 8)] }
