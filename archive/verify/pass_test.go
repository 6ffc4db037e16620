package verify_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
)

// frames returns where the frames of an archive file are, by its index.
func frames(t *testing.T, file []byte) (offsets []int) {
	t.Helper()
	le := binary.LittleEndian
	n := int(le.Uint32(file[len(file)-9:]))
	entries := file[len(file)-9-12*n:]
	at := 0
	for i := range n {
		offsets = append(offsets, at)
		at += int(le.Uint32(entries[12*i:]))
	}
	return append(offsets, at)
}

func unpack(t *testing.T, file []byte) []byte {
	t.Helper()
	d, err := zstd.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tar, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return tar
}

func pack(t *testing.T, tar []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll(tar, nil)
}

// Whatever is done to an archive file is found, whichever store it is in, and
// the archives beside it are checked all the same.
func TestDamageOfTheArchiveIsFound(t *testing.T) {
	swapFrames := func(t *testing.T, file []byte, a, b int) []byte {
		at := frames(t, file)
		return slices.Concat(file[:at[a]], file[at[b]:at[b+1]], file[at[a+1]:at[b]], file[at[a]:at[a+1]], file[at[b+1]:])
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, file []byte) []byte
	}{
		{"emptied", func(*testing.T, []byte) []byte { return nil }},
		{"cut in half", func(_ *testing.T, file []byte) []byte { return file[:len(file)/2] }},
		{"without its last byte", func(_ *testing.T, file []byte) []byte { return file[:len(file)-1] }},
		{"without its first byte", func(_ *testing.T, file []byte) []byte { return file[1:] }},
		{"longer", func(_ *testing.T, file []byte) []byte { return append(file, 0) }},
		{"a frame missing", func(t *testing.T, file []byte) []byte {
			at := frames(t, file)
			return slices.Concat(file[:at[1]], file[at[2]:])
		}},
		{"frames in another order", func(t *testing.T, file []byte) []byte { return swapFrames(t, file, 1, 2) }},
		{"manifest edited and packed again", func(t *testing.T, file []byte) []byte {
			return pack(t, bytes.Replace(unpack(t, file), []byte(`"name":"weu"`), []byte(`"name":"wes"`), 1))
		}},
		{"manifest edited and its frame packed again", func(t *testing.T, file []byte) []byte {
			at := frames(t, file)
			for i := len(at) - 3; ; i-- { // from before the check frame
				frame := unpack(t, file[at[i]:at[i+1]])
				if !bytes.Contains(frame, []byte(firstProject)) {
					continue
				}
				packed := pack(t, bytes.Replace(frame, []byte(firstProject), []byte(secondProject), 1))
				table := bytes.Clone(file[at[len(at)-1]:])
				binary.LittleEndian.PutUint32(table[8+12*i:], uint32(len(packed)))
				return slices.Concat(file[:at[i]], packed, file[at[i+1]:at[len(at)-1]], table)
			}
		}},
		{"something else", func(*testing.T, []byte) []byte { return bytes.Repeat([]byte("not an archive "), 100) }},
	} {
		for kind, open := range stores {
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				memory, a := vaultWithArchive(t)
				beside := addArchive(t, memory, "99999999", nil)
				store := open(t, memory)
				changed := tt.change(t, content(t, store, a.Path))
				if bytes.Equal(changed, content(t, store, a.Path)) {
					t.Fatal("nothing was changed")
				}
				replace(t, store, a.Path, changed)
				pass := verify.NewPass(vaulttest.Init(t, store), verify.Options{ReadData: true})
				report, err := pass.Archive(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				if report.Sound() || report.FileSound() {
					t.Fatalf("report %+v", report)
				}
				p := report.Problems[0]
				if p.Archive != a.Name || p.Kind != verify.Structure || !strings.Contains(p.Hint, "replicated vault") {
					t.Errorf("problem %+v", p)
				}
				if report, err := pass.Archive(t.Context(), beside); err != nil || !report.Sound() || report.Read != report.Objects {
					t.Errorf("the archive beside it: %+v, %v", report, err)
				}
			})
		}
	}
}

// A flipped bit in any member is found under the member's name or that of
// the file, and the projects that it does not touch are told to be whole.
func TestFlippedBitOfEachMember(t *testing.T) {
	store, a := vaultWithArchive(t)
	file := content(t, store, a.Path)
	at := frames(t, file)
	broken := map[string]int{}
	for i := range len(at) - 1 {
		damaged := bytes.Clone(file)
		damaged[(at[i]+at[i+1])/2] ^= 4
		replace(t, store, a.Path, damaged)
		report, err := verify.Archive(t.Context(), vaulttest.Init(t, store), a, verify.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if report.FileSound() {
			t.Errorf("frame %d of %d: not found", i, len(at)-1)
		}
		if slices.Equal(report.Broken, []string{"project 0"}) && slices.Equal(report.Whole, []string{"project 1"}) {
			broken["project 0"]++
		}
		if slices.Equal(report.Broken, []string{"project 1"}) && slices.Equal(report.Whole, []string{"project 0"}) {
			broken["project 1"]++
		}
	}
	if broken["project 0"] == 0 || broken["project 1"] == 0 {
		t.Errorf("projects told to be broken while the other is whole: %v", broken)
	}
}

// An archive that was rewritten as a whole agrees with itself. Its child
// knows better.
func TestParents(t *testing.T) {
	digest := func(store vault.Store, a vault.Archive) manifest.Digest {
		report, err := verify.Archive(t.Context(), vaulttest.Init(t, store), a, verify.Options{})
		if err != nil || !report.Sound() {
			t.Fatalf("%+v, %v", report, err)
		}
		return report.SHA256
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, s *vaulttest.Memory, parent vault.Archive)
		kind   verify.Kind // of the child's problem; empty: none
		reason string
		notes  int
	}{
		{name: "as it was", change: func(*testing.T, *vaulttest.Memory, vault.Archive) {}},
		{
			name: "pruned", notes: 1,
			change: func(_ *testing.T, s *vaulttest.Memory, parent vault.Archive) { _ = s.Delete(t.Context(), parent.Path) },
		},
		{
			name: "rewritten", kind: verify.Ancestry, reason: "was altered since",
			change: func(t *testing.T, s *vaulttest.Memory, parent vault.Archive) {
				s.Put(parent.Path, archiveFile(t, vaulttest.Init(t, s), parent.ID, func(m *manifest.Manifest) { m.Tool.Version = "forged" }))
				digest(s, parent) // sound by itself
			},
		},
		{
			name: "damaged", kind: verify.Ancestry, reason: "was altered since",
			change: func(_ *testing.T, s *vaulttest.Memory, parent vault.Archive) { s.Put(parent.Path, []byte("x")) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, parent := vaultWithArchive(t)
			child := addArchive(t, store, "44444444", &manifest.Parent{Name: parent.Name, SHA256: digest(store, parent)})
			tt.change(t, store, parent)
			v := vaulttest.Init(t, store)
			alone, err := verify.Archive(t.Context(), v, child, verify.Options{})
			if err != nil {
				t.Fatal(err)
			}
			pass := verify.NewPass(v, verify.Options{})
			_, _ = pass.Archive(t.Context(), parent)
			inPass, err := pass.Archive(t.Context(), child)
			if err != nil {
				t.Fatal(err)
			}
			for _, report := range []*verify.Report{alone, inPass} {
				if len(report.Notes) != tt.notes || (len(report.Problems) > 0) != (tt.kind != "") {
					t.Fatalf("notes %v, problems %v", report.Notes, report.Problems)
				}
				if tt.kind == "" {
					continue
				}
				if p := report.Problems[0]; p.Kind != tt.kind || !strings.Contains(p.Reason, tt.reason) || !strings.Contains(p.Item, parent.Name) {
					t.Errorf("problem %+v", p)
				}
			}
		})
	}
}

// A pass reads each object once, and reports a damaged one for every archive
// that names it.
func TestPassReadsEachObjectOnce(t *testing.T) {
	memory, first := vaultWithArchive(t)
	second := addArchive(t, memory, "55555555", nil)
	bad := vaulttest.Init(t, memory).ObjectName(objectOf(contentOf(0, 3)))
	memory.Put(bad, []byte("x"))
	opened := map[string]int{}
	counted := vaulttest.Gate(memory, vaulttest.When{Prefix: "objects/"}, countOpens(opened))
	pass := verify.NewPass(vaulttest.Init(t, counted), verify.Options{ReadData: true, Concurrency: 1})
	for _, a := range []vault.Archive{first, second} {
		report, err := pass.Archive(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		want := []finding{{verify.Damaged, "project 0", imageID(0, 3), "", bad}}
		if diff := cmp.Diff(want, findings(report)); diff != "" || report.Read != projects*images || report.Problems[0].Archive != a.Name {
			t.Errorf("%s: %d read (-want +got):\n%s", a.Name, report.Read, diff)
		}
	}
	for name, n := range opened {
		if n != 1 {
			t.Errorf("%s was read %d times", name, n)
		}
	}
	distinct := int64(projects*images - 1)
	if got := pass.Totals(); got.Objects != distinct || got.Read != distinct || int64(len(opened)) != distinct || got.Earlier != 0 {
		t.Errorf("totals %+v, %d objects opened", got, len(opened))
	}
}

func TestSample(t *testing.T) {
	memory, a := vaultWithArchive(t)
	read := func(share float64, seed uint64) (names map[string]int, totals verify.Totals) {
		names = map[string]int{}
		gate := vaulttest.Gate(memory, vaulttest.When{Prefix: "objects/"}, countOpens(names))
		pass := verify.NewPass(vaulttest.Init(t, gate), verify.Options{Sample: &verify.Sample{Share: share, Seed: seed}, Concurrency: 1})
		report, err := pass.Archive(t.Context(), a)
		if err != nil || !report.Sound() || report.Objects != projects*images {
			t.Fatalf("%+v, %v", report, err)
		}
		return names, pass.Totals()
	}
	const distinct = projects*images - 1
	once, totals := read(0.3, 1)
	again, _ := read(0.3, 1)
	other, _ := read(0.3, 2)
	if totals.Objects != distinct || totals.Read != int64(len(once)) || len(once) < distinct/10 || len(once) > distinct/2 {
		t.Errorf("30%% of %d objects: %d read, totals %+v", distinct, len(once), totals)
	}
	if !cmp.Equal(once, again) || cmp.Equal(once, other) {
		t.Error("a seed does not choose the same objects, or another seed does")
	}
	if one, totals := read(1e-9, 1); len(one) != 1 || totals.Read != 1 || totals.Objects != distinct {
		t.Errorf("a tiny share: %d read, totals %+v", len(one), totals)
	}
	if all, _ := read(1, 1); len(all) != distinct {
		t.Errorf("100%%: %d read", len(all))
	}
	for name := range once { // found, if it is chosen
		data := memory.Bytes(name)
		data[0] ^= 1
		memory.Put(name, data)
		break
	}
	report, err := verify.Archive(t.Context(), vaulttest.Init(t, memory), a, verify.Options{Sample: &verify.Sample{Share: 0.3, Seed: 1}})
	if err != nil || len(report.Problems) == 0 || !strings.Contains(report.Problems[0].Hint, "--read-data") {
		t.Errorf("damage in the sample: %+v, %v", report, err)
	}
}

// A store that gives nothing any more is not asked for every object.
func TestDeadStoreIsGivenUp(t *testing.T) {
	memory := vaulttest.NewMemory()
	v := vaulttest.Init(t, memory)
	file := largeArchive(t, v, 500)
	a, err := v.CommitArchive(t.Context(), "weu", at, "0123abcd", bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	sick := fmt.Errorf("the network is down")
	gate := vaulttest.Gate(memory, vaulttest.When{Prefix: "objects/"}, failWith(sick))
	_, err = verify.Archive(t.Context(), vaulttest.Init(t, gate), a, verify.Options{ReadData: true})
	if err == nil || !strings.Contains(err.Error(), "could not be read; check that the vault can be read") || gate.Hits() > 150 {
		t.Errorf("after %d tries: %v", gate.Hits(), err)
	}
}

// Large objects are read at once, though there are no more of them than
// a goroutine looks at of small ones.
func TestLargeObjectsAreReadAtOnce(t *testing.T) {
	memory := vaulttest.NewMemory()
	v := vaulttest.Init(t, memory)
	a, err := v.CommitArchive(t.Context(), "weu", at, "0123abcd", bytes.NewReader(archiveOf(t, v, 4, 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	var waiting atomic.Int64
	both := make(chan struct{})
	gate := vaulttest.Gate(memory, vaulttest.When{Prefix: "objects/"}, func(ctx context.Context, _ string) error {
		if waiting.Add(1) == 2 {
			close(both)
		}
		select {
		case <-both:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	report, err := verify.Archive(t.Context(), vaulttest.Init(t, gate), a, verify.Options{ReadData: true})
	if err != nil || !report.Sound() {
		t.Errorf("report %+v, %v", report, err)
	}
}
