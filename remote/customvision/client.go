package customvision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"golang.org/x/net/http/httpguts"

	"cvarchive/manifest"
	"cvarchive/remote/azure"
)

// APIVersion is the version of the Training API that the client speaks.
const APIVersion = "v3.3"

// DefaultCallsPerSecond is what the service allows a resource.
const DefaultCallsPerSecond = 10

// Options say which resource a [Client] talks to, and how.
type Options struct {
	// Name is the resource's name in errors; empty: its host.
	Name string
	// Endpoint is the resource's address without the API's path, such as
	// https://westeurope.api.cognitive.microsoft.com.
	Endpoint string
	// TrainingKey or Credential: exactly one. Entra ID needs the endpoint
	// with the resource's own subdomain.
	TrainingKey manifest.Secret
	Credential  azcore.TokenCredential
	// CallsPerSecond is the rate limit; 0: [DefaultCallsPerSecond],
	// negative: none.
	CallsPerSecond float64
	// Limiters makes clients of the same endpoint share one rate limit;
	// nil: this client has its own.
	Limiters *Limiters
	// Version of the tool, for the User-Agent header.
	Version string
	// Logger receives a debug line a try, and a line when the service says
	// that calls come too fast; nil: none.
	Logger *slog.Logger
	// HTTPClient replaces the default one, in tests mostly.
	HTTPClient *http.Client
	// Retry replaces single settings of the default backoff. ShouldRetry
	// and StatusCodes are not used: see the package comment.
	Retry policy.RetryOptions
}

// Client is a client of one Custom Vision resource. It is safe for
// concurrent use.
type Client struct {
	name     string
	endpoint *url.URL
	base     string // endpoint and the API's path, no trailing slash
	key      string
	entra    bool
	retry    policy.RetryOptions
	api      runtime.Pipeline // with credential and rate limit
	blobs    runtime.Pipeline // with neither
	idle     time.Duration    // how long a download may stand still

	transport policy.Transporter // below both
	agent     string             // what the pipelines say in User-Agent
	logger    *slog.Logger
}

const (
	tryTimeout  = 5 * time.Minute // one try of a call, its body included
	idleTimeout = time.Minute     // a download without a single byte
)

// module is what the pipelines call us in User-Agent.
const module = "customvision"

// New returns a client. Nothing is sent yet.
func New(o Options) (*Client, error) {
	return newClient(o, tryTimeout, idleTimeout)
}

func newClient(o Options, try, idle time.Duration) (*Client, error) {
	endpoint, err := checkEndpoint(o.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint of resource %q: %w", o.Name, err)
	}
	key, err := checkCredential(o, endpoint)
	if err != nil {
		return nil, fmt.Errorf("credential of resource %q: %w", o.Name, err)
	}
	shared := azure.ClientOptions(azure.Options{
		Version: o.Version, Logger: o.Logger, Client: o.HTTPClient, Retry: o.Retry,
	})
	auth := bearerPolicy(o.Credential)
	if key != "" {
		auth = &keyPolicy{host: endpoint.Host, key: key}
	}
	name := o.Name
	if name == "" {
		name = endpoint.Host
	}
	throttle := &throttlePolicy{resource: name, limiter: limiterFor(o, endpoint), logger: o.Logger}
	c := &Client{
		name: name, endpoint: endpoint, base: endpoint.String() + "/customvision/" + APIVersion + "/training",
		key: key, entra: key == "", retry: shared.Retry, idle: idle,
		api: runtime.NewPipeline(module, o.Version, runtime.PipelineOptions{
			PerRetry: []policy.Policy{throttle, auth, &tryPolicy{timeout: try}},
		}, &shared),
		blobs: runtime.NewPipeline(module, o.Version, runtime.PipelineOptions{
			PerRetry: []policy.Policy{&tryPolicy{timeout: try}},
		}, &shared),
		transport: shared.Transport, agent: userAgent(o.Version, shared.Telemetry), logger: o.Logger,
	}
	return c, nil
}

// userAgent is what a pipeline sets, of whom the policy that does is asked.
func userAgent(version string, o policy.TelemetryOptions) string {
	req, err := runtime.NewRequest(context.Background(), http.MethodGet, "https://nowhere.invalid")
	if err != nil {
		return ""
	}
	_, _ = runtime.NewTelemetryPolicy(module, version, &o).Do(req) // it ends there
	return req.Raw().UserAgent()
}

// Name returns the resource's name, as errors use it.
func (c *Client) Name() string { return c.name }

// Endpoint returns the resource's address.
func (c *Client) Endpoint() string { return c.endpoint.String() }

func checkEndpoint(raw string) (*url.URL, error) {
	u, err := azure.CheckEndpoint(raw)
	if err != nil {
		return nil, err
	}
	if u.RawQuery != "" || u.Fragment != "" || strings.Contains(strings.ToLower(u.Path), "/customvision") {
		return nil, fmt.Errorf("%s is more than the resource's address; write %s://%s alone", azure.RedactURL(raw), u.Scheme, u.Host)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath, u.ForceQuery = "", false
	return u, nil
}

// checkCredential returns the training key, or "" where Entra ID is used.
func checkCredential(o Options, endpoint *url.URL) (string, error) {
	key := strings.TrimSpace(o.TrainingKey.Reveal()) // a key read from a file ends in a line break
	switch {
	case key == "" && o.Credential == nil:
		return "", errors.New("there is no training key; set one, or use Entra ID")
	case key != "" && o.Credential != nil:
		return "", errors.New("both a training key and Entra ID are set; use one")
	case key != "" && !httpguts.ValidHeaderFieldValue(key):
		return "", errors.New("the training key holds characters that no key has")
	case key == "" && strings.HasSuffix(strings.ToLower(endpoint.Hostname()), ".api.cognitive.microsoft.com"):
		return "", fmt.Errorf("the regional endpoint %s does not take Entra ID; use the resource's own, https://<name>.cognitiveservices.azure.com", endpoint.Host)
	}
	return key, nil
}

// scrub takes secrets out of somebody else's words.
func (c *Client) scrub(text string) string { return azure.Scrub(text, c.key) }

// drop gives a connection back.
func drop(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, azure.MaxErrorBody))
	_ = body.Close()
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
