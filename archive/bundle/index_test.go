package bundle_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/archivetest"
	"cvarchive/archive/bundle"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// pictures are the texts of n pictures.
func pictures(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint("picture ", i))
	}
	return texts
}

// bundleOf makes a bundle of pictures by hand, with an index that index makes
// of the right one.
func bundleOf(t testing.TB, texts []string, index func(string) string) *bundle.Bundle {
	t.Helper()
	a := archivetest.Archive{Source: "weu", ID: "0123abcd", Created: spec(0).Created, Projects: [][]string{texts}}
	var out bytes.Buffer
	w, err := archive.NewContainerWriter(&out, a.Created)
	if err != nil {
		t.Fatal(err)
	}
	add := func(name, content string, apart bool) manifest.Member {
		m, err := w.Add(name, int64(len(content)), apart, func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	head := map[string]any{"format": "cvarchive-bundle", "formatVersion": 1}
	head["archive"] = add("archives/weu/20280901T020000Z-0123abcd.tar.zst", string(archivetest.Write(t, a)), true)
	var lines []string
	for _, text := range texts {
		o := archivetest.Object(text)
		m := add(vault.PlainObjectName(o), string(archivetest.Data(text)), false)
		lines = append(lines, fmt.Sprintf("%s %d %s %d\n", o.SHA256, o.Size, o.Ext, m.Offset))
	}
	slices.Sort(lines)
	head["index"] = add("index", index(strings.Join(lines, "")), true)
	last, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	add("bundle.json", string(last), true)
	if _, _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(t.Context(), bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sameIndex(right string) string { return right }

// read reads the object of a picture.
func read(ctx context.Context, b *bundle.Bundle, text string) error {
	body, err := b.OpenObject(ctx, archivetest.Object(text))
	if err != nil {
		return err
	}
	got, err := io.ReadAll(body)
	if err == nil && !bytes.Equal(got, archivetest.Data(text)) {
		err = fmt.Errorf("%q for %q", got, archivetest.Data(text))
	}
	return errors.Join(err, body.Close())
}

// Objects are found in whatever order they are asked for.
func TestOrders(t *testing.T) {
	texts := pictures(2000)
	back := slices.Clone(texts)
	slices.Reverse(back)
	mixed := slices.Clone(texts)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	var halves []string
	for i := range len(texts) / 2 {
		halves = append(halves, texts[i], texts[len(texts)/2+i], texts[i])
	}
	b := bundleOf(t, texts, sameIndex)
	if err := b.CheckIndex(t.Context()); err != nil {
		t.Error(err)
	}
	for name, order := range map[string][]string{"its own": texts, "backwards": back, "mixed": mixed, "two at once": halves} {
		for i, text := range order {
			if err := read(t.Context(), b, text); err != nil {
				t.Fatalf("%s, object %d: %v", name, i, err)
			}
		}
		if err := read(t.Context(), b, "elsewhere"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s, an object that is not there: %v", name, err)
		}
		if err := b.CheckPlaces(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := archivetest.Object(texts[7])
	other.Ext = "jpg"
	if _, err := b.OpenObject(t.Context(), other); err == nil || !strings.Contains(err.Error(), "is in the bundle with 16 bytes as gif") {
		t.Errorf("an object with another extension: %v", err)
	}
}

// Who asks for objects in about their order, several of them at once, needs no
// index: it is not looked at.
func TestWithoutIndex(t *testing.T) {
	texts := pictures(6000)
	b := bundleOf(t, texts, func(string) string { return "nothing of use\n" })
	random := rand.New(rand.NewPCG(3, 4))
	for some := range slices.Chunk(slices.Clone(texts), 8) {
		random.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		for _, text := range some {
			if err := read(t.Context(), b, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := read(t.Context(), b, texts[0]); err == nil || !strings.Contains(err.Error(), "index in the archive is damaged: line 1 is not as it must be") {
		t.Errorf("out of order: %v", err)
	}
}

// holds reports whether a line of the index is that of a picture.
func holds(text string) func(string) bool {
	return func(line string) bool { return strings.HasPrefix(line, archivetest.Object(text).SHA256.String()) }
}

// An index that is not as it must be is found out, and gives no wrong bytes.
func TestHostileIndex(t *testing.T) {
	texts := pictures(2000) // more than a block of the index
	lines := func(change func([]string)) func(string) string {
		return func(right string) string {
			all := strings.SplitAfter(right, "\n")
			change(all)
			return strings.Join(all, "")
		}
	}
	for name, c := range map[string]struct {
		index func(string) string
		want  string
	}{
		"not sorted":      {lines(func(l []string) { l[1000], l[1001] = l[1001], l[1000] }), "line 1002 is not"},
		"twice":           {lines(func(l []string) { l[1000] += l[1000] }), "line 1002 is not"},
		"a huge line":     {lines(func(l []string) { l[3] = strings.Repeat("x", 1<<20) }), "line 4 is not"},
		"no newline":      {func(s string) string { return strings.TrimSuffix(s, "\n") }, "line 2000 is not"},
		"empty line":      {lines(func(l []string) { l[0] = "\n" }), "line 1 is not"},
		"five columns":    {lines(func(l []string) { l[0] = strings.TrimSuffix(l[0], "\n") + " 5\n" }), "line 1 is not"},
		"negative size":   {lines(func(l []string) { l[0] = strings.Replace(l[0], " ", " -", 1) }), "line 1 is not"},
		"negative offset": {lines(func(l []string) { l[0] = strings.Replace(l[0], " gif ", " gif -", 1) }), "line 1 is not"},
		"far away":        {lines(func(l []string) { l[0] = strings.Replace(l[0], " gif ", " gif 9999999999999999", 1) }), "line 1 is not"},
		"extension":       {lines(func(l []string) { l[5] = strings.Replace(l[5], " gif ", " ../gif ", 1) }), "line 6 is not"},
	} {
		b := bundleOf(t, texts, c.index)
		for _, err := range []error{b.CheckIndex(t.Context()), b.CheckIndex(t.Context()), read(t.Context(), b, texts[1999])} {
			if _, ok := errors.AsType[*archive.CorruptError](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := read(t.Context(), b, texts[0]); err != nil {
			t.Errorf("%s: the first object: %v", name, err)
		}
	}
	for name, index := range map[string]func(string) string{
		"another place": lines(func(l []string) {
			for i := range l {
				l[i] = strings.Replace(l[i], " gif ", " gif 1", 1)
			}
		}),
		"one less": lines(func(l []string) { l[slices.IndexFunc(l, holds(texts[1999]))] = "" }),
		"no lines": func(string) string { return "" },
	} {
		b := bundleOf(t, texts, index)
		if err := b.CheckIndex(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := read(t.Context(), b, texts[1999]); err == nil {
			t.Errorf("%s: nothing is said", name)
		}
		if err := b.CheckPlaces(t.Context()); err == nil || !strings.Contains(err.Error(), "or has them at other places") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Many may ask at the same time, for the same objects and for others.
func TestAtOnce(t *testing.T) {
	texts := pictures(1000)
	b := bundleOf(t, texts, sameIndex)
	g, ctx := errgroup.WithContext(t.Context())
	for from := range 4 {
		g.Go(func() error {
			for i := range texts {
				if err := read(ctx, b, texts[(i+from/2*500)%len(texts)]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// A read that was ended is no verdict on the index.
func TestIndexAgain(t *testing.T) {
	texts := pictures(2000)
	b := bundleOf(t, texts, sameIndex)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := read(ended, b, texts[1999]); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := read(t.Context(), b, texts[1999]); err != nil {
		t.Error(err)
	}
}

// FuzzIndex: whatever an index says, objects come with their bytes or not at
// all, errors are of kinds that callers know, and one that passes finds what it
// names.
func FuzzIndex(f *testing.F) {
	texts := pictures(3)
	f.Add("")
	bundleOf(f, texts, func(right string) string {
		f.Add(right)
		f.Add(right[:len(right)-1])
		f.Add(strings.ReplaceAll(right, "1", "9"))
		return right
	})
	f.Add(strings.Repeat("x", 70_000))
	f.Fuzz(func(t *testing.T, content string) {
		right := ""
		b := bundleOf(t, texts, func(s string) string {
			right = s
			return content
		})
		err := b.CheckIndex(t.Context())
		if _, damaged := errors.AsType[*archive.CorruptError](err); err != nil && !damaged {
			t.Errorf("an error of no known kind: %v", err)
		}
		if content == right && err != nil {
			t.Errorf("the right index: %v", err)
		}
		for _, text := range append(slices.Clone(texts), "elsewhere", texts[0]) {
			err := read(t.Context(), b, text)
			_, damaged := errors.AsType[*archive.CorruptError](err)
			if _, other := errors.AsType[*vault.ObjectError](err); err != nil && !damaged && !other {
				t.Errorf("an error of no known kind: %v", err)
			}
		}
	})
}
