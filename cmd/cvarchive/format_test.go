package main

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cvarchive/archive"
)

// TestFormatExample takes the worked example of docs/format.md at its word,
// byte for byte, with nothing but what the document says.
func TestFormatExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "\n## A worked example\n")
	example, _, _ = strings.Cut(example, "\n## ")
	var file []byte
	for _, line := range regexp.MustCompile(`(?m)^ {4}([0-9a-f ]+)$`).FindAllStringSubmatch(example, -1) {
		b, err := hex.DecodeString(strings.ReplaceAll(line[1], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, b...)
	}
	stored, err := os.ReadFile(filepath.Join(goldenDir, "v1.0-empty.tar.zst"))
	if err != nil || !bytes.Equal(file, stored) {
		t.Fatalf("the %d bytes in the document are not the %d of the file (%v)", len(file), len(stored), err)
	}

	// The seek table, from the last bytes back, and what the table says.
	le := binary.LittleEndian
	n := int(le.Uint32(file[len(file)-9:]))
	table := file[len(file)-9-12*n : len(file)-9]
	var rows []string
	at := uint32(0)
	for i := range n {
		size, plain := le.Uint32(table[12*i:]), le.Uint32(table[12*i+4:])
		if i < n-1 {
			rows = append(rows, fmt.Sprintf("| %d | %d | %d |", at, size, plain))
		} else {
			rows = append(rows, fmt.Sprintf("| %d | %d | |", at, size))
			sum := sha256.Sum256(file[:at])
			if !bytes.Equal(sum[:], file[at+24:at+56]) || string(file[at+8:at+24]) != "cvarchive-sha256" {
				t.Error("the check frame is not as the document says")
			}
		}
		at += size
	}
	rows = append(rows, fmt.Sprintf("| %d | %d | |", at, len(file)-int(at)))
	for _, row := range rows {
		if !strings.Contains(example, "\n"+row) {
			t.Errorf("the table has no row %s", row)
		}
	}

	r, err := archive.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(example, "```json\n"+string(r.ManifestJSON())+"```") {
		t.Errorf("manifest.json is another in the document:\n%s", r.ManifestJSON())
	}
	if sum := sha256.Sum256(file); !strings.Contains(example, hex.EncodeToString(sum[:])) {
		t.Errorf("the file has the digest %x", sum)
	}

	// Names in an encrypted vault.
	m := regexp.MustCompile("the `id` `([0-9a-f]{32})` and\\s+the naming key\\s+`(AGE-SECRET-KEY-[0-9A-Z-]+)`, the object\\s+`([0-9a-f]{64})` is\\s+`objects/hmac/../([0-9a-f]{64}).age`").FindStringSubmatch(example)
	if m == nil {
		t.Fatal("there is no example of a name")
	}
	key, err := hkdf.Key(sha256.New, []byte(m[2]), []byte(m[1]), "cvarchive object names v1", 32)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := hex.DecodeString(m[3])
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(digest)
	name := hex.EncodeToString(mac.Sum(nil))
	if _, err := os.Stat(filepath.Join(goldenDir, "v1.0-encrypted/objects/hmac", name[:2], name+".age")); err != nil || name != m[4] {
		t.Errorf("the name is %s, and the document says %s (%v)", name, m[4], err)
	}
}
