package download

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"cvarchive/manifest"
)

func TestBodyOfAnySize(t *testing.T) {
	for _, size := range []int{1, memoryLimit, memoryLimit + 1} {
		dir := t.TempDir()
		want := bytes.Repeat([]byte("GIF89a--"), size/8+1)[:size]
		b := NewBody(dir, MaxImage)
		for chunk := want; len(chunk) > 0; {
			n, err := b.Write(chunk[:min(len(chunk), 1<<20)])
			if err != nil {
				t.Fatal(err)
			}
			chunk = chunk[n:]
		}
		o, err := b.Object()
		if err != nil {
			t.Fatal(err)
		}
		if o.Size != int64(size) || o.SHA256 != manifest.Digest(sha256.Sum256(want)) || o.Ext != manifest.SniffExt(want) {
			t.Errorf("%d bytes give the object %+v", size, o)
		}
		for range 2 { // a store may read twice
			if got, err := io.ReadAll(b.Reader()); err != nil || !bytes.Equal(got, want) {
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
	open func(attempt int, offset int64) (io.Reader, int64, error)
	n    int
}

func (s *scripted) Download(_ context.Context, _ string, _ manifest.Secret, offset int64) (io.ReadCloser, int64, error) {
	s.n++
	r, size, err := s.open(s.n, offset)
	if err != nil {
		return nil, 0, err
	}
	if rc, ok := r.(io.ReadCloser); ok {
		return rc, size, nil
	}
	return io.NopCloser(r), size, nil
}

// summed is a body that says which MD5 the whole content has.
type summed struct {
	io.Reader
	of string
}

func (summed) Close() error { return nil }

func (s summed) ContentMD5() []byte { sum := md5.Sum([]byte(s.of)); return sum[:] }

type fixedLink struct{}

func (fixedLink) Current() (manifest.Secret, int)  { return manifest.NewSecret("http://127.0.0.1/x"), 0 }
func (fixedLink) Renew(context.Context, int) error { return ErrGone }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// broken gives some bytes and then breaks.
func broken(data string) io.Reader {
	return io.MultiReader(bytes.NewReader([]byte(data)), iotestErr{})
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestFetch(t *testing.T) {
	tooLarge := func(err error) bool { _, ok := errors.AsType[*TooLargeError](err); return ok }
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
			name: "is changed on the way, in its second part", attempts: 4, want: "abcdef",
			open: func(n int, offset int64) (io.Reader, int64, error) {
				switch n {
				case 1, 3:
					return summed{broken("abcdef"[offset : offset+3]), "abcdef"}, 6, nil
				case 2:
					return summed{bytes.NewReader([]byte("dXf")), "abcdef"}, 6, nil
				}
				return summed{bytes.NewReader([]byte("abcdef"[offset:])), "abcdef"}, 6, nil
			},
		},
		{
			name: "is changed on the way, always", attempts: maxStalled,
			err: func(err error) bool { return errors.Is(err, errDamaged) },
			open: func(int, int64) (io.Reader, int64, error) {
				return summed{bytes.NewReader([]byte("abXdef")), "abcdef"}, 6, nil
			},
		},
		{
			name: "is refused", attempts: 1,
			err:  func(err error) bool { return errors.Is(err, os.ErrPermission) },
			open: func(int, int64) (io.Reader, int64, error) { return nil, 0, os.ErrPermission },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &scripted{open: tt.open}
			d := New(src, Options{Delay: time.Nanosecond})
			defer d.Close()
			b := d.NewBody(t.TempDir(), MaxImage)
			defer b.Close()
			err := d.Fetch(t.Context(), "", fixedLink{}, b)
			if src.n != tt.attempts {
				t.Errorf("%d attempts, want %d", src.n, tt.attempts)
			}
			if tt.err != nil {
				if err == nil || !tt.err(err) {
					t.Errorf("error %v", err)
				}
				return
			}
			if got, _ := io.ReadAll(b.Reader()); err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
			if known, ok := b.Reader().(interface{ MD5() []byte }); !ok || known.MD5() != nil && md5.Sum([]byte(tt.want)) != [md5.Size]byte(known.MD5()) {
				t.Errorf("it does not know its MD5")
			}
			if o, err := b.Object(); err != nil || o.SHA256 != manifest.Digest(sha256.Sum256([]byte(tt.want))) {
				t.Errorf("object %+v, %v", o, err)
			}
		})
	}
}
