package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
)

func TestOffsets(t *testing.T) {
	for n, want := range map[int][][2]int{
		0:   nil,
		1:   {{0, 0}},
		256: {{0, 0}},
		257: {{0, 0}, {255, 1}},
		511: {{0, 0}, {255, 1}},
		512: {{0, 0}, {256, 0}},           // no room to spare
		767: {{0, 0}, {255, 1}, {511, 0}}, // room for one overlap
		768: {{0, 0}, {256, 0}, {512, 0}}, //
		600: {{0, 0}, {255, 1}, {510, 1}}, //
	} {
		var got [][2]int
		for skip, overlap := range offsets(n) {
			o := 0
			if overlap {
				o = 1
			}
			got = append(got, [2]int{skip, o})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d images (-want +got):\n%s", n, diff)
		}
	}
}

// Whatever the length, the pages cover the list, with as few calls as
// possible.
func TestOffsetsCoverTheList(t *testing.T) {
	for n := range 2000 {
		calls, end := 0, 0
		for skip, overlap := range offsets(n) {
			if overlap {
				end--
			}
			if skip != end {
				t.Fatalf("%d images: a page begins at %d, the one before ends at %d", n, skip, end)
			}
			end = skip + manifest.MaxPage
			calls++
		}
		if end < n || calls != ceilDiv(n, manifest.MaxPage) {
			t.Fatalf("%d images: %d calls reach to %d", n, calls, end)
		}
	}
}

func TestBodyOfAnySize(t *testing.T) {
	for _, size := range []int{1, memoryLimit, memoryLimit + 1} {
		dir := t.TempDir()
		want := bytes.Repeat([]byte("GIF89a--"), size/8+1)[:size]
		b := newBody(dir, maxImage)
		for chunk := want; len(chunk) > 0; {
			n, err := b.Write(chunk[:min(len(chunk), 1<<20)])
			if err != nil {
				t.Fatal(err)
			}
			chunk = chunk[n:]
		}
		o, err := b.object()
		if err != nil {
			t.Fatal(err)
		}
		if o.Size != int64(size) || o.SHA256 != manifest.Digest(sha256.Sum256(want)) || o.Ext != manifest.SniffExt(want) {
			t.Errorf("%d bytes give the object %+v", size, o)
		}
		for range 2 { // a store may read twice
			if got, err := io.ReadAll(b.reader()); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes come back as %d, %v", size, len(got), err)
			}
		}
		left, _ := os.ReadDir(dir)
		if spilled := len(left) > 0; spilled != (size > memoryLimit) {
			t.Errorf("%d bytes: a temporary file: %v", size, spilled)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%d bytes leave %v", size, left)
		}
	}
}

// scripted is a source whose downloads follow a script.
type scripted struct {
	Source
	open func(attempt int, offset int64) (io.Reader, int64, error)
	n    int
}

func (s *scripted) Download(_ context.Context, _ string, _ manifest.Secret, offset int64) (io.ReadCloser, int64, error) {
	s.n++
	r, size, err := s.open(s.n, offset)
	if err != nil {
		return nil, 0, err
	}
	return io.NopCloser(r), size, nil
}

type fixedLink struct{}

func (fixedLink) current() (manifest.Secret, int)  { return manifest.NewSecret("http://127.0.0.1/x"), 0 }
func (fixedLink) renew(context.Context, int) error { return errGone }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// broken gives some bytes and then breaks.
func broken(data string) io.Reader {
	return io.MultiReader(bytes.NewReader([]byte(data)), iotestErr{})
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestFetch(t *testing.T) {
	tooLarge := func(err error) bool { _, ok := errors.AsType[*tooLargeError](err); return ok }
	for _, tt := range []struct {
		name     string
		open     func(attempt int, offset int64) (io.Reader, int64, error)
		want     string
		err      func(error) bool
		attempts int
	}{
		{
			name: "never ends", attempts: 1, err: tooLarge,
			open: func(int, int64) (io.Reader, int64, error) { return zeros{}, -1, nil },
		},
		{
			name: "announces too much", attempts: 1, err: tooLarge,
			open: func(int, int64) (io.Reader, int64, error) { return zeros{}, 10 << 30, nil },
		},
		{
			name: "breaks and goes on", attempts: 3, want: "abcdef",
			open: func(n int, offset int64) (io.Reader, int64, error) {
				if n < 3 {
					return broken("abcdef"[offset : offset+2]), 6, nil
				}
				return bytes.NewReader([]byte("abcdef"[offset:])), 6, nil
			},
		},
		{
			name: "ends early without an error", attempts: 2, want: "abcdef",
			open: func(n int, offset int64) (io.Reader, int64, error) {
				return bytes.NewReader([]byte("abcdef"[offset:min(6, offset+4)])), 6, nil
			},
		},
		{
			name: "brings nothing", attempts: maxStalled,
			err:  func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) },
			open: func(int, int64) (io.Reader, int64, error) { return broken(""), 6, nil },
		},
		{
			name: "becomes shorter", attempts: 3, want: "xy",
			open: func(n int, offset int64) (io.Reader, int64, error) {
				if n == 1 {
					return broken("abcd"), 6, nil
				}
				return bytes.NewReader([]byte("xy")[min(offset, 2):]), 2, nil
			},
		},
		{
			name: "brings more than announced", attempts: maxStalled,
			err:  func(err error) bool { return errors.Is(err, errChanged) },
			open: func(int, int64) (io.Reader, int64, error) { return bytes.NewReader([]byte("abcdef")), 3, nil },
		},
		{
			name: "is refused", attempts: 1,
			err:  func(err error) bool { return errors.Is(err, os.ErrPermission) },
			open: func(int, int64) (io.Reader, int64, error) { return nil, 0, os.ErrPermission },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &scripted{open: tt.open}
			d := newDownloader(src, Options{RetryDelay: time.Nanosecond, Now: time.Now}, func(int64) {})
			b := newBody(t.TempDir(), maxImage)
			defer b.Close()
			err := d.fetch(t.Context(), "", fixedLink{}, b)
			if src.n != tt.attempts {
				t.Errorf("%d attempts, want %d", src.n, tt.attempts)
			}
			if tt.err != nil {
				if err == nil || !tt.err(err) {
					t.Errorf("error %v", err)
				}
				return
			}
			if got, _ := io.ReadAll(b.reader()); err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
			if o, err := b.object(); err != nil || o.SHA256 != manifest.Digest(sha256.Sum256([]byte(tt.want))) {
				t.Errorf("object %+v, %v", o, err)
			}
		})
	}
}
