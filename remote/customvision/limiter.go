package customvision

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiters hands out one rate limit per resource address, for programs that
// talk to the same resource through several clients. The zero value is ready.
type Limiters struct {
	mu        sync.Mutex
	byAddress map[string]*limiter
}

// limiterFor returns the client's own limiter, or the shared one of its
// address; the lowest rate that anybody asked for holds.
func limiterFor(o Options, endpoint *url.URL) *limiter {
	limit := rate.Limit(o.CallsPerSecond)
	switch {
	case limit == 0:
		limit = DefaultCallsPerSecond
	case limit < 0:
		limit = rate.Inf
	}
	if o.Limiters == nil {
		return newLimiter(limit)
	}
	return o.Limiters.get(strings.ToLower(endpoint.String()), limit)
}

func (s *Limiters) get(address string, limit rate.Limit) *limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.byAddress[address]
	if l == nil {
		if s.byAddress == nil {
			s.byAddress = map[string]*limiter{}
		}
		l = newLimiter(limit)
		s.byAddress[address] = l
	}
	if limit < l.rate.Limit() {
		l.rate.SetLimit(limit)
	}
	return l
}

// limiter spaces calls evenly (a burst of one: the service counts by the
// second), and can be paused for everybody.
type limiter struct {
	rate *rate.Limiter

	mu    sync.Mutex
	until time.Time // paused until
}

func newLimiter(limit rate.Limit) *limiter { return &limiter{rate: rate.NewLimiter(limit, 1)} }

// wait returns when a call may be made, or with the context's error.
func (l *limiter) wait(ctx context.Context) error {
	for {
		if err := sleep(ctx, l.paused()); err != nil {
			return err
		}
		r := l.rate.Reserve()
		if err := sleep(ctx, r.Delay()); err != nil {
			r.Cancel()
			return err
		}
		// A pause may have begun while this call waited for its turn. The
		// turn is lost then, or all that waited would start at once.
		if l.paused() <= 0 {
			return nil
		}
	}
}

// pause lets nobody make a call for a while from now on.
func (l *limiter) pause(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(d); until.After(l.until) {
		l.until = until
	}
}

func (l *limiter) paused() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.until)
}
