package storecheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"cvarchive/archive/vault"
	"cvarchive/manifest/store"
)

func missing(ctx context.Context, s vault.Store, prefix string) error {
	name := prefix + "nothing/here"
	_, statErr := s.Stat(ctx, name)
	r, openErr := s.Open(ctx, name, 0, -1)
	if openErr == nil {
		// Some services answer only when the reading starts.
		_, openErr = r.Read(make([]byte, 1))
		openErr = errors.Join(openErr, r.Close())
	}
	infos, listErr := list(ctx, s, prefix+"nothing/")
	if len(infos) > 0 {
		listErr = fmt.Errorf("listing an unused prefix gives %v", infos)
	}
	return errors.Join(
		wantErr("stat a missing name", statErr, fs.ErrNotExist),
		wantErr("open a missing name", openErr, fs.ErrNotExist),
		wantErr("delete a missing name", s.Delete(ctx, name), fs.ErrNotExist),
		listErr,
	)
}

func createAndRead(ctx context.Context, s vault.Store, prefix string) error {
	for _, data := range [][]byte{{}, {'1'}, []byte("a few bytes")} {
		name := fmt.Sprintf("%s%d", prefix, len(data))
		if err := put(ctx, s, name, data); err != nil {
			return err
		}
		if err := errors.Join(want(ctx, s, name, 0, -1, data), wantStat(ctx, s, name, int64(len(data)))); err != nil {
			return err
		}
	}
	// A body is stored from its start, wherever it stands.
	body := bytes.NewReader([]byte("whole"))
	if _, err := body.Seek(3, io.SeekStart); err != nil {
		return err
	}
	if err := s.Create(ctx, prefix+"rewound", body); err != nil {
		return fmt.Errorf("create from a body that is not at its start: %w", err)
	}
	return want(ctx, s, prefix+"rewound", 0, -1, []byte("whole"))
}

func wantStat(ctx context.Context, s vault.Store, name string, size int64) error {
	info, err := s.Stat(ctx, name)
	if err != nil {
		return fmt.Errorf("stat %s: %w", name, err)
	}
	// Clocks of services and machines differ; a day is no longer that.
	if age := time.Since(info.Modified).Abs(); info.Name != name || info.Size != size || age > 24*time.Hour {
		return fmt.Errorf("stat %s gives name %s, size %d, modified %s; its size is %d and it is new", name, info.Name, info.Size, info.Modified, size)
	}
	return nil
}

func ranges(ctx context.Context, s vault.Store, prefix string) error {
	name, data := prefix+"digits", []byte("0123456789")
	if err := put(ctx, s, name, data); err != nil {
		return err
	}
	var errs []error
	for _, r := range []struct {
		offset, length int64
		want           string
	}{
		{0, 10, "0123456789"}, {0, 1, "0"}, {3, 4, "3456"}, {9, 1, "9"}, {4, -1, "456789"},
		{0, 0, ""}, {5, 0, ""},
		{0, 11, "0123456789"}, {8, 100, "89"}, // past the end: short
		{10, 1, ""}, {10, -1, ""}, {99, 5, ""}, {99, -1, ""},
	} {
		errs = append(errs, want(ctx, s, name, r.offset, r.length, []byte(r.want)))
	}
	if err := put(ctx, s, prefix+"empty", nil); err != nil {
		return err
	}
	return errors.Join(append(errs,
		want(ctx, s, prefix+"empty", 0, 5, nil),
		want(ctx, s, prefix+"empty", 3, -1, nil))...)
}

func taken(ctx context.Context, s vault.Store, prefix string) error {
	name := prefix + "once"
	if err := put(ctx, s, name, []byte("first")); err != nil {
		return err
	}
	return errors.Join(
		wantErr("create a taken name", s.Create(ctx, name, strings.NewReader("second")), fs.ErrExist),
		wantErr("create a taken name with the same body", s.Create(ctx, name, strings.NewReader("first")), fs.ErrExist),
		want(ctx, s, name, 0, -1, []byte("first")),
	)
}

func listing(ctx context.Context, s vault.Store, prefix string) error {
	// In an order that no walk of folders gives by itself.
	names := []string{"a-b", "a.b", "a/b", "a/c/d", "a0", "b"}
	for _, i := range rand.Perm(len(names)) {
		if err := put(ctx, s, prefix+names[i], []byte(names[i])); err != nil {
			return err
		}
	}
	var errs []error
	for sub, want := range map[string][]string{"": names, "a/": {"a/b", "a/c/d"}, "a/c/": {"a/c/d"}, "c/": nil} {
		infos, err := list(ctx, s, prefix+sub)
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix+sub, err)
		}
		var got []string
		for _, info := range infos {
			name := strings.TrimPrefix(info.Name, prefix)
			got = append(got, name)
			if info.Size != int64(len(name)) || info.Modified.IsZero() {
				errs = append(errs, fmt.Errorf("listed %s with size %d, modified %s", info.Name, info.Size, info.Modified))
			}
		}
		if !slices.Equal(got, want) {
			errs = append(errs, fmt.Errorf("list %s gives %q, due is %q", prefix+sub, got, want))
		}
	}
	// Breaking off early is no error.
	for _, err := range s.List(ctx, prefix) {
		errs = append(errs, err)
		break
	}
	return errors.Join(errs...)
}

func difficultNames(ctx context.Context, s vault.Store, prefix string) error {
	names := []string{
		"Straße & Söhne.jpg", "写真/猫 1.png", "100%25 + 7#frag?query=1&x=y;z", "~tilde'quote(paren)[x]{y}!@$=,", "CAPS", "caps-2", "-dash", "a..b",
	}
	slices.Sort(names)
	for _, name := range names {
		if err := put(ctx, s, prefix+name, []byte(name)); err != nil {
			return err
		}
		if err := want(ctx, s, prefix+name, 0, -1, []byte(name)); err != nil {
			return err
		}
	}
	infos, err := list(ctx, s, prefix)
	if err != nil {
		return fmt.Errorf("list %s: %w", prefix, err)
	}
	var got []string
	for _, info := range infos {
		got = append(got, strings.TrimPrefix(info.Name, prefix))
	}
	if !slices.Equal(got, names) {
		return fmt.Errorf("names come back as %q, not %q", got, names)
	}
	return nil
}

func refusedNames(ctx context.Context, s vault.Store, prefix string) error {
	var errs []error
	for _, name := range []string{"", ".", "/abs", "../up", prefix + "../../x", prefix + "a//b", prefix + "./a", prefix + "a/", prefix + `a\b`, prefix + "a\x00b", prefix + store.TempPrefix + "x", prefix + strings.Repeat("long/", 300) + "x"} {
		if err := s.Create(ctx, name, strings.NewReader("x")); err == nil {
			errs = append(errs, fmt.Errorf("create accepts the name %q", name), s.Delete(ctx, name))
		}
		if _, err := s.Stat(ctx, name); err == nil {
			errs = append(errs, fmt.Errorf("stat accepts the name %q", name))
		}
		if r, err := s.Open(ctx, name, 0, -1); err == nil {
			errs = append(errs, fmt.Errorf("open accepts the name %q", name), r.Close())
		}
		if err := s.Delete(ctx, name); err == nil {
			errs = append(errs, fmt.Errorf("delete accepts the name %q", name))
		}
	}
	return errors.Join(errs...)
}

func remove(ctx context.Context, s vault.Store, prefix string) error {
	gone, stays := prefix+"folder/gone", prefix+"folder/stays"
	if err := errors.Join(put(ctx, s, gone, []byte("x")), put(ctx, s, stays, []byte("y"))); err != nil {
		return err
	}
	if err := s.Delete(ctx, gone); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	_, err := s.Stat(ctx, gone)
	return errors.Join(
		wantErr("stat a deleted name", err, fs.ErrNotExist),
		wantErr("delete a deleted name", s.Delete(ctx, gone), fs.ErrNotExist),
		want(ctx, s, stays, 0, -1, []byte("y")),
		s.Delete(ctx, stays),
		put(ctx, s, gone, []byte("again")), // a deleted name is free
		want(ctx, s, gone, 0, -1, []byte("again")),
	)
}

// errBody is what a failing body ends in.
var errBody = errors.New("the body failed, as it should")

// failingBody reads up to a place and then fails, each time that it is
// read.
type failingBody struct {
	io.ReadSeeker
	failAt, at int64
}

func (b *failingBody) Read(p []byte) (int, error) {
	if b.at >= b.failAt {
		return 0, errBody
	}
	n, err := b.ReadSeeker.Read(p[:min(int64(len(p)), b.failAt-b.at)])
	b.at += int64(n)
	return n, err
}

func (b *failingBody) Seek(offset int64, whence int) (int64, error) {
	to, err := b.ReadSeeker.Seek(offset, whence)
	b.at = to
	return to, err
}

func failingBodies(ctx context.Context, s vault.Store, prefix string) error {
	var errs []error
	for _, size := range []int{10, 3 << 20} {
		name := fmt.Sprintf("%sfails-%d", prefix, size)
		body := &failingBody{ReadSeeker: bytes.NewReader(make([]byte, size)), failAt: int64(size / 2)}
		errs = append(errs, wantErr("create from a body that fails half-way", s.Create(ctx, name, body), errBody))
		_, err := s.Stat(ctx, name)
		errs = append(errs, wantErr("stat after a body failed half-way", err, fs.ErrNotExist))
	}
	infos, err := list(ctx, s, prefix)
	if len(infos) > 0 {
		errs = append(errs, fmt.Errorf("failed bodies leave %v", infos))
	}
	return errors.Join(append(errs, err)...)
}

func cancelled(ctx context.Context, s vault.Store, prefix string) error {
	name := prefix + "there"
	if err := put(ctx, s, name, []byte("x")); err != nil {
		return err
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	createErr := s.Create(stopped, prefix+"cancelled", strings.NewReader("x"))
	_, statErr := s.Stat(stopped, name)
	_, listErr := list(stopped, s, prefix)
	_, missErr := s.Stat(ctx, prefix+"cancelled")
	return errors.Join(
		wantErr("create after cancelling", createErr, context.Canceled),
		wantErr("stat after cancelling", statErr, context.Canceled),
		wantErr("list after cancelling", listErr, context.Canceled),
		wantErr("delete after cancelling", s.Delete(stopped, name), context.Canceled),
		wantErr("stat what was cancelled", missErr, fs.ErrNotExist),
	)
}

func oneCreatorWins(ctx context.Context, s vault.Store, prefix string) error {
	const creators = 8
	name := prefix + "contested"
	errs := make([]error, creators)
	var wg sync.WaitGroup
	for i := range creators {
		wg.Go(func() {
			body := bytes.Repeat([]byte{byte('a' + i)}, 1000)
			errs[i] = s.Create(ctx, name, bytes.NewReader(body))
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			return fmt.Errorf("creators %d and %d of one name both succeeded", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, fs.ErrExist):
			return fmt.Errorf("a creator of a contested name: %w", err)
		}
	}
	if winner < 0 {
		return errors.New("no creator of a contested name succeeded")
	}
	return want(ctx, s, name, 0, -1, bytes.Repeat([]byte{byte('a' + winner)}, 1000))
}

func largeBodies(ctx context.Context, s vault.Store, prefix string) error {
	data := make([]byte, 5<<20)
	rng := rand.NewChaCha8([32]byte{1})
	if _, err := rng.Read(data); err != nil {
		return err
	}
	name := prefix + "large"
	if err := put(ctx, s, name, data); err != nil {
		return err
	}
	const offset, length = 1<<20 + 3, 3 << 20
	return errors.Join(
		wantStat(ctx, s, name, int64(len(data))),
		want(ctx, s, name, 0, -1, data),
		want(ctx, s, name, offset, length, data[offset:offset+length]),
		want(ctx, s, name, int64(len(data))-7, 100, data[len(data)-7:]),
	)
}

// touch holds for stores that can make a name look new.
func touch(ctx context.Context, s vault.Store, prefix string) error {
	t, ok := s.(vault.Toucher)
	if !ok {
		return nil
	}
	name, data := prefix+"touched", []byte("content")
	if err := wantErr("touch what is missing", t.Touch(ctx, name), fs.ErrNotExist); err != nil {
		return err
	}
	if err := put(ctx, s, name, data); err != nil {
		return err
	}
	before, err := s.Stat(ctx, name)
	if err == nil {
		err = t.Touch(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("touch %s: %w", name, err)
	}
	after, err := s.Stat(ctx, name)
	if err != nil {
		return fmt.Errorf("look for %s: %w", name, err)
	}
	if after.Modified.Before(before.Modified) || after.Size != before.Size {
		return fmt.Errorf("touch %s: it was %+v before and %+v after", name, before, after)
	}
	return want(ctx, s, name, 0, -1, data)
}
