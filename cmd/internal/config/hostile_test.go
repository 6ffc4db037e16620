package config_test

import (
	"errors"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"cvarchive/cmd/internal/config"
)

// A large configuration of the worst shapes is refused with one short sentence,
// and with memory in proportion to its size, which is bounded.
func TestHostileConfig(t *testing.T) {
	const size = 128 << 10
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		before := "*" + string(c-1)
		laughs += string(c) + ": &" + string(c) + " [" + before + strings.Repeat(","+before, 8) + "]\n"
	}
	fill := func(pattern string) string { return strings.Repeat(pattern, size/len(pattern)) }
	for name, text := range map[string]string{
		"nested lists":    fill("["),
		"nested sections": fill("{a: "),
		"nested dashes":   fill("- "),
		"nested keys":     fill("? "),
		"long list":       "version: [" + fill("a,") + "]",
		"many keys":       fill("a:\n"),
		"commented keys":  fill("#c\na:\n"),
		"long key":        fill("a") + ": 1\n",
		"long number":     "version: " + fill("1"),
		"long name":       "version: 1\nresources:\n  " + fill("A") + ": {}\n",
		"long variable":   "version: 1\nvault:\n  url: ${" + fill("A") + "-}\n",
		"anchors":         fill("- &a b\n"),
		"aliases":         "- &a b\n" + fill("- *a\n"),
		"unknown anchor":  "version: *" + fill("a") + "\n",
		"own alias":       "version: 1\nvault: &v\n  url: *v\n",
		"a billion":       laughs,
		"merged":          "version: 1\nvault: &v\n  url: x\nresources:\n  <<: *v\n",
		"escapes":         "version: 1\n\"\\e[2J\\u202e\": 1\n",
		"directives":      fill("%YAML 1.1\n"),
		"tags":            fill("- !!x b\n"),
	} {
		live := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		runtime.GC()
		metrics.Read(live)
		before := live[0].Value.Uint64()
		_, err := config.Parse("c.yaml", []byte(text))
		metrics.Read(live)
		if took := live[0].Value.Uint64() - before; took > 300*size {
			t.Errorf("%s: took %d MiB in all", name, took>>20)
		}
		if _, ok := errors.AsType[*config.Error](err); !ok || len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\n\x1b\u202e") {
			t.Errorf("%s: %T %.1500q", name, err, err)
		}
	}
}
