package customvision

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cvarchive/manifest"
)

// The kinds of call that the retry rules tell apart.
func callKinds() map[string]func(context.Context, *Client) error {
	return map[string]func(context.Context, *Client) error{
		"read":   func(ctx context.Context, c *Client) error { _, err := c.Projects(ctx); return err },
		"delete": func(ctx context.Context, c *Client) error { return c.DeleteTag(ctx, pid, "t1") },
		"repeatable create": func(ctx context.Context, c *Client) error {
			_, err := c.CreateImagesFromFiles(ctx, pid, manifest.ImageBatch{Images: []manifest.NewImage{{Name: "n", Contents: []byte("abc")}}})
			return err
		},
		"project": func(ctx context.Context, c *Client) error {
			_, err := c.CreateProject(ctx, manifest.NewProject{Name: "n"})
			return err
		},
		"tag": func(ctx context.Context, c *Client) error {
			_, err := c.CreateTag(ctx, pid, manifest.Tag{Name: "n"})
			return err
		},
		"import": func(ctx context.Context, c *Client) error {
			_, err := c.ImportProject(ctx, manifest.NewSecret("t"), "")
			return err
		},
		"train": func(ctx context.Context, c *Client) error {
			_, err := c.Train(ctx, pid, manifest.TrainOptions{})
			return err
		},
		"export": func(ctx context.Context, c *Client) error {
			_, err := c.ExportIteration(ctx, pid, iid, "ONNX", "")
			return err
		},
		"publish": func(ctx context.Context, c *Client) error { return c.Publish(ctx, pid, iid, "n", "r", false) },
	}
}

func TestWhatIsRepeated(t *testing.T) {
	dialError := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for name, tc := range map[string]struct {
		answer          func(*http.Request) (*http.Response, error)
		repeats, repeat int // tries in all: of calls that may be repeated, of those that may not
	}{
		"lost answer":          {func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, 5, 1},
		"refused":              {func(*http.Request) (*http.Response, error) { return nil, dialError }, 3, 3},
		"no such host":         {func(*http.Request) (*http.Response, error) { return nil, &net.DNSError{IsNotFound: true} }, 1, 1},
		"408":                  {status(408), 5, 1},
		"500":                  {status(500), 5, 1},
		"502":                  {status(502), 5, 1},
		"503":                  {status(503), 5, 1},
		"503 with Retry-After": {status(503, "Retry-After", "0"), 5, 5},
		"504":                  {status(504), 5, 1},
		"400":                  {status(400), 1, 1},
		"404":                  {status(404), 1, 1},
		"429":                  {status(429, "Retry-After-Ms", "0"), maxThrottled, maxThrottled},
		"429 for an hour":      {status(429, "Retry-After", "3600"), 1, 1},
		"a broken answer": {func(r *http.Request) (*http.Response, error) {
			resp := response(r, 200, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader("[{"), brokenReader{}))
			return resp, nil
		}, 5, 1},
	} {
		for kind, do := range callKinds() {
			t.Run(name+"/"+kind, func(t *testing.T) {
				var bodies []string
				c := dial(t, withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
					body := ""
					if r.Body != nil {
						data, _ := io.ReadAll(r.Body)
						body = string(data)
					}
					bodies = append(bodies, body)
					return tc.answer(r)
				})))
				err := do(t.Context(), c)
				if _, ok := errors.AsType[*manifest.ServiceError](err); !ok {
					t.Fatalf("%v", err)
				}
				want := tc.repeats
				once := !strings.Contains("read delete repeatable create", kind)
				if once {
					want = tc.repeat
				}
				if len(bodies) != want {
					t.Errorf("%d tries, want %d: %v", len(bodies), want, err)
				}
				for _, b := range bodies {
					if b != bodies[0] {
						t.Errorf("a later try sent %q, the first %q", b, bodies[0])
					}
				}
				lost := name == "lost answer" || name == "a broken answer"
				if got := strings.Contains(err.Error(), "look before asking again"); got != (once && lost) {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func status(code int, header ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) { return response(r, code, "{}", header...), nil }
}

func TestDeletionThatHappenedAlready(t *testing.T) {
	for name, tc := range map[string]struct {
		first error
		want  bool
	}{
		"after a lost answer": {io.ErrUnexpectedEOF, true},
		"at once":             {nil, false},
		"after a refusal":     {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
	} {
		calls := 0
		c := dial(t, withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
			if calls++; calls == 1 && tc.first != nil {
				return nil, tc.first
			}
			return response(r, 404, `{"code":"NotFoundProject","message":"m"}`), nil
		})))
		err := c.DeleteProject(t.Context(), pid)
		if (err == nil) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestThrottledFor(t *testing.T) {
	const text = `{"error":{"code":"429","message":"Requests to the Get Images Operation under Custom_Vision_Training_3.3 have exceeded rate limit of your tier. Please retry after %s."}}`
	for name, tc := range map[string]struct {
		body, header, value string
		attempt             int
		want                time.Duration
	}{
		"seconds":         {"", "Retry-After", "7", 1, 7 * time.Second},
		"milliseconds":    {"", "Retry-After-Ms", "70", 1, 70 * time.Millisecond},
		"header first":    {strings.Replace(text, "%s", "3 seconds", 1), "Retry-After", "7", 1, 7 * time.Second},
		"text":            {strings.Replace(text, "%s", "1 second", 1), "", "", 1, time.Second},
		"text in ms":      {strings.Replace(text, "%s", "250 milliseconds", 1), "", "", 1, 250 * time.Millisecond},
		"try again in":    {`{"statusCode":429,"message":"Rate limit is exceeded. Try again in 26 seconds."}`, "", "", 1, 26 * time.Second},
		"nothing":         {"", "", "", 1, time.Second},
		"nothing, thrice": {"", "", "", 3, 4 * time.Second},
		"nothing, often":  {"", "Retry-After", "nonsense", 19, 30 * time.Second},
	} {
		r := response(nil, 429, tc.body, tc.header, tc.value)
		if got := throttledFor(r, tc.attempt); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
		if left, _ := io.ReadAll(r.Body); string(left) != tc.body {
			t.Errorf("%s: the body is gone", name)
		}
	}
	date := response(nil, 429, "", "Retry-After", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
	if got := throttledFor(date, 1); got < 55*time.Second || got > time.Minute {
		t.Errorf("date: %v", got)
	}
}

// A 429 makes everybody wait who shares the resource, through whatever client.
func TestThrottlingPausesEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var times []time.Duration
		network := inMemory(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			times = append(times, time.Since(start))
			n := len(times)
			mu.Unlock()
			if n == 1 {
				time.Sleep(50 * time.Millisecond) // the others wait for their turn by now
				return response(r, 429, `{"code":"429","message":"Please retry after 3 seconds."}`), nil
			}
			return response(r, 200, "[]"), nil
		})
		var shared Limiters
		o := withClient(fast("https://h.example"), network)
		o.CallsPerSecond, o.Limiters = 0, &shared
		first := dial(t, o)
		o.Name, o.Endpoint = "other name", "https://H.example/"
		second := dial(t, o)
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				if _, err := []*Client{first, second}[i%2].Projects(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i, at := range times[1:] {
			if at < 3*time.Second {
				t.Errorf("call %d went out after %v, within the pause", i+2, at)
			}
			if i > 0 && at-times[i] < 99*time.Millisecond {
				t.Errorf("calls went out %v apart after the pause", at-times[i])
			}
		}
		if len(times) != 7 {
			t.Errorf("%d calls", len(times))
		}
	})
}

func TestRate(t *testing.T) {
	for name, tc := range map[string]struct {
		perSecond float64
		want      time.Duration // of 21 calls
	}{
		"default": {0, 2 * time.Second},
		"five":    {5, 4 * time.Second},
		"half":    {0.5, 40 * time.Second},
		"none":    {-1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			failed := false
			o := withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
				if !failed { // a retry counts against the rate like a call
					failed = true
					return response(r, 500, ""), nil
				}
				return response(r, 200, "[]"), nil
			}))
			o.CallsPerSecond = tc.perSecond
			c := dial(t, o)
			start := time.Now()
			for range 20 {
				if _, err := c.Projects(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := time.Since(start).Round(10 * time.Millisecond); got != tc.want {
				t.Errorf("%s: 21 calls took %v, want %v", name, got, tc.want)
			}
		})
	}
}

func TestLimitersTakeTheLowestRate(t *testing.T) {
	var shared Limiters
	o := fast("https://h.example")
	o.Limiters = &shared
	for _, rate := range []float64{-1, 2, 5} {
		o.CallsPerSecond = rate
		dial(t, o)
	}
	o.Endpoint = "https://other.example"
	dial(t, o)
	if got := shared.byAddress["https://h.example"].rate.Limit(); got != 2 {
		t.Errorf("the limit is %v", got)
	}
	if len(shared.byAddress) != 2 {
		t.Errorf("%d limiters", len(shared.byAddress))
	}
}

func TestCancellationEndsEveryWait(t *testing.T) {
	for name, tc := range map[string]struct {
		perSecond float64
		retry     time.Duration
		answer    func(*http.Request) (*http.Response, error)
	}{
		"rate":    {0.001, time.Nanosecond, status(200)}, // the first call goes out, the second waits
		"pause":   {-1, time.Nanosecond, status(429, "Retry-After", "200")},
		"backoff": {-1, 10 * time.Second, status(500)},
		"answer": {-1, time.Nanosecond, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := withClient(fast("https://h.example"), inMemory(tc.answer))
			o.CallsPerSecond, o.Retry.RetryDelay = tc.perSecond, tc.retry
			c := dial(t, o)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			var err error
			for err == nil {
				_, err = c.Tags(ctx, pid, "")
				if err != nil && strings.Contains(err.Error(), "not the JSON") {
					err = nil // of the answer {}
				}
			}
			if took := time.Since(start); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v after %v", name, err, took)
			}
		})
	}
}

// A try that hangs is given up and repeated; the caller's context lives on.
func TestTryTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		c := dial(t, withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
			if calls.Add(1) == 1 {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return response(r, 200, "[]"), nil
		})))
		start := time.Now()
		if _, err := c.Projects(t.Context()); err != nil || calls.Load() != 2 || time.Since(start).Round(time.Second) != tryTimeout {
			t.Errorf("%v after %d calls and %v", err, calls.Load(), time.Since(start))
		}
	})
}
