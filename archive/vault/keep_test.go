package vault_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
)

func TestKeepObjectAndRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := vaulttest.NewMemory()
		v := vaulttest.Init(t, s)
		data := []byte("bytes")
		o := object(data)
		if has, err := v.KeepObject(t.Context(), o); has || err != nil {
			t.Fatalf("keep what is missing: %v, %v", has, err)
		}
		if _, err := v.PutObject(t.Context(), o, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for _, wait := range []time.Duration{30 * time.Minute, 40 * time.Minute} {
			time.Sleep(wait)
			if has, err := v.KeepObject(t.Context(), o); !has || err != nil {
				t.Fatalf("keep: %v, %v", has, err)
			}
			info, err := s.Stat(t.Context(), v.ObjectName(o))
			if err != nil {
				t.Fatal(err)
			}
			want := begun // what is young already costs no write
			if time.Since(begun) > time.Hour {
				want = time.Now()
			}
			if !info.Modified.Equal(want) {
				t.Errorf("after %s it is of %s, want %s", time.Since(begun), info.Modified, want)
			}
		}

		a, err := v.CommitArchive(t.Context(), "weu", begun, "0123abcd", bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		// What a stopped prune left aside does not count from then on.
		s.Put("pruned/"+a.Path, data)
		time.Sleep(time.Hour)
		if err := v.Retire(t.Context(), a.Path, a.Size); err != nil {
			t.Fatal(err)
		}
		list, err := v.Retired(t.Context())
		if err != nil || len(list) != 1 || list[0].Name != a.Name || list[0].Archive == nil || !list[0].When.Equal(time.Now()) {
			t.Fatalf("retired: %+v, %v", list, err)
		}
		if !bytes.Equal(s.Bytes(list[0].Path), data) || s.Bytes(a.Path) != nil {
			t.Error("it was not moved")
		}
		// Another prune, which listed it before, is late.
		retired := list[0].When
		time.Sleep(time.Hour)
		if err := v.Retire(t.Context(), a.Path, a.Size); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("retired again: %v", err)
		}
		if list, err := v.Retired(t.Context()); err != nil || len(list) != 1 || !list[0].When.Equal(retired) {
			t.Errorf("what was kept aside is %+v, %v", list, err)
		}
		if now, err := v.Clock(t.Context()); err != nil || !now.Equal(time.Now()) {
			t.Errorf("clock: %s, %v", now, err)
		}
		if list, _ := v.Retired(t.Context()); len(list) != 1 {
			t.Errorf("the clock left something: %+v", list)
		}
		var _ vault.Toucher = s
	})
}
