package suggest_test

import (
	"strings"
	"testing"

	"cvarchive/cmd/internal/suggest"
)

func TestClosest(t *testing.T) {
	commands := []string{"backup", "list", "inspect", "verify", "restore", "training_key"}
	for word, want := range map[string]string{
		"bakcup":                      "backup",
		"restor":                      "restore",
		"LIST":                        "list",
		"trainingKey":                 "training_key",
		"insp":                        "inspect",
		"x":                           "",
		"terraform":                   "",
		strings.Repeat("backup", 1e5): "",
	} {
		if got := suggest.Closest(word, commands); got != want {
			t.Errorf("Closest(%.20q) = %q, want %q", word, got, want)
		}
	}
}
