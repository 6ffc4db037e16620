package manifest_test

import (
	"testing"
	"time"

	"cvarchive/manifest"
)

// FuzzTicks: a timestamp of the usual form is a moment of package time, and
// the moments are its timestamps.
func FuzzTicks(f *testing.F) {
	for _, day := range []string{"0000-01-01", "0000-02-29", "0001-12-31", "1900-02-29", "2000-02-29", "2023-02-29", "2024-02-29", "2024-12-31", "2025-01-01", "2026-13-01", "2026-04-31", "9999-12-31"} {
		f.Add(day + "T23:59:59.9999999")
	}
	f.Add("2026-03-02T08:60:00.0000000")
	f.Fuzz(checkTicks)
}

// Every byte in every place of a timestamp.
func TestEveryByteOfATimestamp(t *testing.T) {
	everyByte("2024-02-29T21:39:48.6150473", func(text string) { checkTicks(t, text) })
}

func checkTicks(t *testing.T, text string) {
	const layout = "2006-01-02T15:04:05.0000000"
	want, err := time.Parse(layout, text)
	usual := err == nil && want.Format(layout) == text
	n, ok := manifest.Ticks(manifest.Timestamp(text))
	if ok != usual {
		t.Fatalf("%q: %t, package time says %v", text, ok, err)
	}
	if !ok {
		return
	}
	year0 := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := n/10_000_000 + year0.Unix(); got != want.Unix() || n%10_000_000 != int64(want.Nanosecond()/100) {
		t.Errorf("%q is %d ticks", text, n)
	}
	if again := string(manifest.AppendStamp(nil, n)); again != text {
		t.Errorf("%q comes back as %q", text, again)
	}
}
