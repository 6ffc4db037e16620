package customvision

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"cvarchive/remote/azure"
)

// maxUnsent is how often a connection that does not come to be is tried
// again: enough for a restart, not a minute's wait on a mistyped address.
const maxUnsent = 2

// tries decides whether a call is repeated, and counts.
type tries struct {
	once        bool // not to be repeated where it may have had an effect
	unthrottled bool // no throttle stands below that handles 429
	count       int
	unsent      int
}

// options returns the retry options of one call.
func (t *tries) options(base policy.RetryOptions) policy.RetryOptions {
	base.ShouldRetry = t.again
	return base
}

// again is asked after every try.
func (t *tries) again(resp *http.Response, err error) bool {
	t.count++
	switch {
	case err != nil && azure.IsPermanent(err):
		return false
	case err != nil && azure.IsUnsent(err):
		t.unsent++
		return t.unsent <= maxUnsent
	case err != nil:
		return !t.once
	case t.once:
		_, promised := retryAfter(resp.Header)
		return resp.StatusCode == http.StatusServiceUnavailable && promised
	case resp.StatusCode == http.StatusTooManyRequests:
		return t.unthrottled
	default:
		return azure.IsTransient(resp.StatusCode)
	}
}

// repeated reports whether the call was sent more than once.
func (t *tries) repeated() bool { return t.count-t.unsent > 1 }
