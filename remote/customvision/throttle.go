package customvision

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"cvarchive/remote/azure"
)

const (
	maxThrottled = 20              // answers of 429 to one call before it fails
	maxPause     = 5 * time.Minute // longer is a quota, not a rate
)

// throttlePolicy keeps to the rate limit, and obeys 429 ("too many
// requests"): it pauses the limiter, so that everybody who shares it waits,
// and asks again. It stands below the retry policy, so that every try counts
// against the rate and being throttled costs no retry.
type throttlePolicy struct {
	resource string
	limiter  *limiter
	logger   *slog.Logger
}

// Do implements policy.Policy.
func (p *throttlePolicy) Do(req *policy.Request) (*http.Response, error) {
	ctx := req.Raw().Context()
	for attempt := 1; ; attempt++ {
		if err := p.limiter.wait(ctx); err != nil {
			return nil, err
		}
		resp, err := req.Next()
		if err != nil || resp.StatusCode != http.StatusTooManyRequests {
			return resp, err
		}
		delay := throttledFor(resp, attempt)
		if delay > maxPause || attempt == maxThrottled {
			return resp, nil
		}
		p.limiter.pause(delay)
		drop(resp.Body)
		if p.logger != nil {
			p.logger.LogAttrs(ctx, slog.LevelInfo, "the service asks to slow down; all calls wait",
				slog.String("resource", p.resource), slog.Duration("delay", delay))
		}
	}
}

var retryAfterText = regexp.MustCompile(`(?i)(?:retry|try again) (?:after|in) (\d{1,6}) (milli)?s`)

// throttledFor says how long to wait after a 429: by header, else by the
// message ("Please retry after 1 second"), else a growing guess. The body can
// be read again afterwards.
func throttledFor(resp *http.Response, attempt int) time.Duration {
	if d, ok := retryAfter(resp.Header); ok {
		return d
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, azure.MaxErrorBody))
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(text))
	if m := retryAfterText.FindSubmatch(text); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		if len(m[2]) > 0 {
			return time.Duration(n) * time.Millisecond
		}
		return time.Duration(n) * time.Second
	}
	return min(time.Second<<min(attempt-1, 5), 30*time.Second)
}

// retryAfter reads the headers that say when to ask again: in milliseconds,
// in seconds, or as a date.
func retryAfter(h http.Header) (time.Duration, bool) {
	for _, name := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if n, err := strconv.ParseInt(h.Get(name), 10, 32); err == nil && n >= 0 {
			return time.Duration(n) * time.Millisecond, true
		}
	}
	v := h.Get("Retry-After")
	if n, err := strconv.ParseInt(v, 10, 32); err == nil && n >= 0 {
		return time.Duration(n) * time.Second, true
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0), true
	}
	return 0, false
}
