package archive

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestStored(t *testing.T) {
	noise := make([]byte, 600_000)
	rand.NewChaCha8([32]byte{}).Read(noise)
	mixed := bytes.Clone(noise)
	for _, at := range []int{0, 1000, 131_072 - 10, 300_000, len(mixed) - 50} {
		clear(mixed[at : at+50])
	}
	clear(mixed[400_000:590_000]) // longer than a block
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for name, content := range map[string][]byte{
		"noise": noise, "noise and zeros": mixed, "a block": noise[:maxBlock], "one byte": {1}, "zeros": make([]byte, 300_000),
	} {
		frame := appendStored(nil, content)
		got, err := dec.DecodeAll(frame, nil)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s does not come back: %v", name, err)
		}
		if name == "noise and zeros" && len(frame) > len(mixed)-190_000-200+100 {
			t.Errorf("%s takes %d bytes of %d", name, len(frame), len(mixed))
		}
		frame[len(frame)-1] ^= 1
		if _, err := dec.DecodeAll(frame, nil); err == nil {
			t.Errorf("%s: a wrong checksum was not found", name)
		}
	}
}

// TestStorer: noise is stored, and what is worth it compressed.
func TestStorer(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	s := storer{enc}
	if n := len(s.EncodeAll(noise, nil)); n < len(noise) || n > len(noise)+100 {
		t.Errorf("noise takes %d bytes of %d", n, len(noise))
	}
	text := bytes.Repeat([]byte("a line of a text that is the same again and again\n"), 20_000)
	if n := len(s.EncodeAll(text, nil)); n > len(text)/50 {
		t.Errorf("a text takes %d bytes of %d", n, len(text))
	}
}
