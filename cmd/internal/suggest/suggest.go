// Package suggest finds what somebody most likely meant to type.
package suggest

import (
	"slices"
	"strings"
)

// Closest returns the candidate that is nearest to word, or "" when none is
// near enough to be worth a "did you mean". Case, hyphens and underscores do
// not count as differences.
func Closest(word string, candidates []string) string {
	if len(word) > maxWord {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(word)/3)
	for _, c := range candidates {
		if d := distance(fold(word), fold(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best == "" && len(word) >= 3 {
		best = onlyPrefixed(word, candidates)
	}
	return best
}

// DidYouMean is a clause for the end of an error, or "" when nothing is near.
func DidYouMean(word string, candidates []string) string {
	if c := Closest(word, candidates); c != "" {
		return "did you mean " + c + "?"
	}
	return ""
}

// onlyPrefixed returns the one candidate that starts with word.
func onlyPrefixed(word string, candidates []string) string {
	matching := slices.DeleteFunc(slices.Clone(candidates), func(c string) bool {
		return !strings.HasPrefix(fold(c), fold(word))
	})
	if len(matching) != 1 {
		return ""
	}
	return matching[0]
}

func fold(s string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s))
}

// maxWord bounds the quadratic work; nobody mistypes a longer one.
const maxWord = 64

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn one word into the other (optimal string alignment).
func distance(a, b string) int {
	if len(b) > maxWord {
		return maxWord
	}
	before, above := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}
