package azure

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A connection ends when it stands still, and not as long as something moves in
// either direction.
func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		dial := stalling(func(context.Context, string, string) (net.Conn, error) { return ours, nil }, time.Minute)
		c, err := dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		answer := make(chan error)
		began := time.Now()
		var waited time.Duration
		go func() { // waits for the answer from the start, as net/http does
			_, err := io.ReadFull(c, make([]byte, 6))
			waited = time.Since(began)
			answer <- err
		}()
		go func() { // reads slowly what it is sent, then answers half and is gone
			for range 5 {
				time.Sleep(40 * time.Second)
				_, _ = io.ReadFull(theirs, make([]byte, 4))
			}
			time.Sleep(50 * time.Second)
			_, _ = theirs.Write([]byte("abc"))
		}()
		for range 5 {
			if _, err := c.Write([]byte("part")); err != nil {
				t.Fatalf("a slow upload: %v", err)
			}
		}
		if err := <-answer; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("an answer that stops in the middle: %v", err)
		}
		if want := 5*40*time.Second + 50*time.Second + time.Minute; waited != want {
			t.Errorf("it ended after %s, want %s", waited, want)
		}
	})
}
