package azure

import (
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Options are what a client of either service is built from.
type Options struct {
	// Version of the tool, for the User-Agent header.
	Version string
	// Logger receives one debug line a try; nil: none.
	Logger *slog.Logger
	// Client replaces [NewHTTPClient], in tests mostly. Its redirect policy
	// is ours whatever it says.
	Client *http.Client
	// Retry replaces single settings of the default: 4 retries, from
	// 800 ms to 30 s apart.
	Retry policy.RetryOptions
}

// ClientOptions returns the options for an azcore pipeline or an Azure SDK
// client: User-Agent "cvarchive/<version>", retries, logging and transport.
func ClientOptions(o Options) policy.ClientOptions {
	c := policy.ClientOptions{
		Telemetry: policy.TelemetryOptions{ApplicationID: "cvarchive/" + o.Version},
		Logging: policy.LogOptions{ // for azcore's own log, which AZURE_SDK_GO_LOGGING turns on
			AllowedHeaders:     allowedHeaders(),
			AllowedQueryParams: allowedQuery(),
		},
		Retry:     retryDefaults(o.Retry),
		Transport: newTransport(o.Client),
	}
	if o.Logger != nil {
		c.PerRetryPolicies = []policy.Policy{&logPolicy{logger: o.Logger}}
	}
	return c
}

func retryDefaults(r policy.RetryOptions) policy.RetryOptions {
	if r.MaxRetries == 0 {
		r.MaxRetries = 4
	}
	switch {
	case r.RetryDelay == 0:
		r.RetryDelay = 800 * time.Millisecond
	case r.RetryDelay < 0:
		// azcore takes a delay of none for an overflow, and waits longest.
		r.RetryDelay = time.Nanosecond
	}
	if r.MaxRetryDelay == 0 {
		r.MaxRetryDelay = 30 * time.Second
	}
	if r.ShouldRetry == nil {
		r.ShouldRetry = shouldRetry
	}
	return r
}

func shouldRetry(resp *http.Response, err error) bool {
	if err != nil {
		return !IsPermanent(err)
	}
	return IsTransient(resp.StatusCode) || resp.StatusCode == http.StatusTooManyRequests
}

// IsTransient reports whether a status says that the same request may well
// succeed later, too many requests (429) aside.
func IsTransient(status int) bool {
	return slices.Contains([]int{
		http.StatusRequestTimeout,
		http.StatusInternalServerError,
		http.StatusBadGateway,
		http.StatusServiceUnavailable,
		http.StatusGatewayTimeout,
	}, status)
}
