package customvision

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"cvarchive/manifest"
)

// entra is a token source.
type entra struct {
	scopes []string
	err    error
}

func (e *entra) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	e.scopes = o.Scopes
	return azcore.AccessToken{Token: "PLANTED.bearer", ExpiresOn: time.Now().Add(time.Hour)}, e.err
}

func TestEntra(t *testing.T) {
	s := serve(t, reply(200, "[]"))
	o := fast(s.URL)
	source := &entra{}
	o.TrainingKey, o.Credential = manifest.Secret{}, source
	if _, err := dial(t, o).Projects(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := s.seen()[0].Header
	if h.Get("Authorization") != "Bearer PLANTED.bearer" || h.Get("Training-Key") != "" {
		t.Errorf("headers %v", h)
	}
	if d := diff([]string{"https://cognitiveservices.azure.com/.default"}, source.scopes); d != "" {
		t.Error(d)
	}
}

func TestEntraGivesNoToken(t *testing.T) {
	s := serve(t, reply(200, "[]"))
	o := fast(s.URL)
	o.TrainingKey, o.Credential = manifest.Secret{}, &entra{err: errors.New("AADSTS700082: expired\nclient_secret=PLANTED")}
	_, err := dial(t, o).Projects(t.Context())
	if err == nil || !strings.Contains(err.Error(), "az login") || strings.Contains(err.Error(), "PLANTED") || len(s.seen()) != 0 {
		t.Errorf("%v after %d requests", err, len(s.seen()))
	}
}

func TestUnauthorizedHint(t *testing.T) {
	s := serve(t, reply(401, ""))
	o := fast(s.URL)
	o.TrainingKey, o.Credential = manifest.Secret{}, &entra{}
	if _, err := dial(t, o).Projects(t.Context()); err == nil || !strings.Contains(err.Error(), "identity") || !manifest.IsForbidden(err) {
		t.Errorf("%v", err)
	}
}

// The key goes to the resource's host only: not along a redirect, and not to
// where links lead.
func TestKeyStaysHome(t *testing.T) {
	var strange []http.Header
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		strange = append(strange, r.Header.Clone())
		io.WriteString(w, "[]")
	}))
	defer elsewhere.Close()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	c := dial(t, fast(s.URL))
	if _, err := c.Projects(t.Context()); err != nil {
		t.Fatal(err)
	}
	body, _, err := c.Download(t.Context(), pid, manifest.NewSecret(elsewhere.URL+"/o-1?sig=x"), 0)
	if err != nil {
		t.Fatal(err)
	}
	body.Close()
	_, err = c.CreateProject(t.Context(), manifest.NewProject{Name: "n"})
	if e, ok := errors.AsType[*manifest.ServiceError](err); !ok || e.StatusCode != 307 || e.Hint == "" {
		t.Errorf("a redirected POST: %v", err)
	}
	if len(strange) != 2 {
		t.Fatalf("%d requests elsewhere", len(strange))
	}
	for _, h := range strange {
		for name, values := range h {
			if strings.Contains(strings.Join(values, ""), "PLANTED") || name == "Training-Key" || name == "Authorization" || name == "Referer" {
				t.Errorf("another host saw %s: %v", name, values)
			}
		}
	}
}

func TestKeyPolicyKnowsItsHost(t *testing.T) {
	for host, want := range map[string]string{"h.example": testKey, "h.example:8443": "", "other.example": ""} {
		var got string
		pipeline := runtime.NewPipeline("test", "1", runtime.PipelineOptions{PerRetry: []policy.Policy{&keyPolicy{host: "h.example", key: testKey}}},
			&policy.ClientOptions{Transport: inMemory(func(r *http.Request) (*http.Response, error) {
				got = r.Header.Get("Training-Key")
				return response(r, 200, ""), nil
			})})
		req, err := runtime.NewRequest(t.Context(), "GET", "https://"+host+"/")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pipeline.Do(req); err != nil || got != want {
			t.Errorf("%s saw %q, %v", host, got, err)
		}
	}
}

func TestNew(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Options)
		want   string // of the error
	}{
		"plain http":    {func(o *Options) { o.Endpoint = "http://example.com" }, "in the clear"},
		"no endpoint":   {func(o *Options) { o.Endpoint = "" }, "empty"},
		"too much":      {func(o *Options) { o.Endpoint += "/customvision/v3.0/Prediction/x" }, "write https://h.example alone"},
		"a query":       {func(o *Options) { o.Endpoint += "?sig=PLANTED" }, "more than the resource's address"},
		"no credential": {func(o *Options) { o.TrainingKey = manifest.NewSecret(" \n") }, "no training key"},
		"two":           {func(o *Options) { o.Credential = &entra{} }, "use one"},
		"a broken key":  {func(o *Options) { o.TrainingKey = manifest.NewSecret("PLANTED\nx") }, "characters that no key has"},
		"Entra regional": {func(o *Options) {
			o.TrainingKey, o.Credential, o.Endpoint = manifest.Secret{}, &entra{}, "https://westeurope.api.cognitive.microsoft.com"
		}, "regional endpoint"},
	} {
		o := fast("https://h.example")
		tc.change(&o)
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), `"prod-weu"`) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "PLANTED") {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
	o := fast("https://h.example/westeurope/")
	o.Name, o.TrainingKey = "", manifest.NewSecret(testKey+"\n")
	c := dial(t, o)
	if c.Name() != "h.example" || c.Endpoint() != "https://h.example/westeurope" || c.key != testKey {
		t.Errorf("name %q, endpoint %q", c.Name(), c.Endpoint())
	}
}

func TestIDsCannotClimb(t *testing.T) {
	s := serve(t, reply(200, "{}"))
	c := dial(t, fast(s.URL))
	for _, id := range []string{"", ".", ".."} {
		if err := c.DeleteTag(t.Context(), pid, id); err == nil {
			t.Errorf("the id %q is sent", id)
		}
	}
	if err := c.DeleteTag(t.Context(), pid, "../../x?y#z"); err != nil {
		t.Fatal(err)
	}
	if seen := s.seen(); len(seen) != 1 || !strings.HasSuffix(seen[0].Path, "/tags/..%2F..%2Fx%3Fy%23z") {
		t.Errorf("%v", seen)
	}
}
