package scratch

import (
	"os"
	"testing"
)

// What is written can be read back, and nothing is left of it.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(dir, "cvarchive-*.x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("text"); err != nil {
		t.Fatal(err)
	}
	var got [4]byte
	if _, err := f.ReadAt(got[:], 0); err != nil || string(got[:]) != "text" {
		t.Errorf("%q, %v", got, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := Create(dir+"/not there", "x"); err == nil {
		t.Error("a file in a folder that is not there")
	}
}
