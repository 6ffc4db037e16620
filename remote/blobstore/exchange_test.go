package blobstore_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/vault"
	"cvarchive/manifest"
	"cvarchive/manifest/store"
	"cvarchive/remote/azure"
	"cvarchive/remote/blobstore"
)

// What the emulator does not have is tested against exchanges as the REST
// reference describes them; testdata/exchanges/README says how they are written.

// exchange is one request and its answer.
type exchange struct {
	request string // method, path and query
	headers map[string]string
	status  int
	answer  http.Header
	body    string
}

// replay answers requests from a file, in its order, and fails the test when
// the next one is not as it must be.
type replay struct {
	t    *testing.T
	mu   sync.Mutex
	left []exchange
}

func newReplay(t *testing.T, name string) *replay {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "exchanges", name))
	must(t, err)
	defer f.Close()
	r := &replay{t: t}
	t.Cleanup(func() {
		if len(r.left) > 0 {
			t.Errorf("%d requests of %s never came, the next is %s", len(r.left), name, r.left[0].request)
		}
	})
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		r.line(lines.Text())
	}
	must(t, lines.Err())
	return r
}

func (r *replay) line(text string) {
	last := len(r.left) - 1
	key, value, isHeader := strings.Cut(strings.TrimSpace(text[min(2, len(text)):]), ":")
	value = strings.TrimSpace(value)
	isRequest := strings.HasPrefix(text, "> PUT ") || strings.HasPrefix(text, "> GET ") || strings.HasPrefix(text, "> HEAD ") ||
		strings.HasPrefix(text, "> DELETE ") || strings.HasPrefix(text, "> POST ")
	switch {
	case text == "", strings.HasPrefix(text, "#"):
	case isRequest:
		r.left = append(r.left, exchange{request: text[2:], headers: map[string]string{}, answer: http.Header{}})
	case strings.HasPrefix(text, "> "):
		r.left[last].headers[strings.ToLower(key)] = value
	case strings.HasPrefix(text, "< ") && !isHeader:
		r.left[last].status, _ = strconv.Atoi(key)
	case strings.HasPrefix(text, "< "):
		r.left[last].answer.Set(key, value)
	default:
		r.left[last].body += text
	}
}

func (r *replay) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := request(req)
	if len(r.left) == 0 {
		r.t.Errorf("one request too many: %s", got)
		return nil, errors.New("no more answers")
	}
	e := r.left[0]
	r.left = r.left[1:]
	if got != e.request {
		r.t.Errorf("asked %s, not %s", got, e.request)
	}
	sent := map[string]string{}
	for key, values := range req.Header { // the client does not spell them as net/http does
		sent[strings.ToLower(key)] = strings.Join(values, ",")
	}
	for key, want := range e.headers {
		value, has := sent[key]
		if value != want && (want != "*" || !has) {
			r.t.Errorf("%s: header %s is %q, not %q", got, key, value, want)
		}
	}
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
	e.answer.Set("x-ms-request-id", "req-1")
	length := int64(len(e.body))
	if text := e.answer.Get("Content-Length"); text != "" {
		length, _ = strconv.ParseInt(text, 10, 64)
	}
	return &http.Response{StatusCode: e.status, Status: fmt.Sprint(e.status), Header: e.answer, Request: req, ContentLength: length, Body: io.NopCloser(strings.NewReader(e.body))}, nil
}

// request writes a request line with its query in order.
func request(req *http.Request) string {
	line := req.Method + " /" + strings.TrimPrefix(req.URL.Path, "/")
	query, _ := url.QueryUnescape(req.URL.Query().Encode())
	if query != "" {
		line += "?" + query
	}
	return line
}

// recorded opens a store whose service is a file of exchanges. It is
// 2028-09-01 02:00.
func recorded(t *testing.T, name string, change func(*blobstore.Options)) *blobstore.Store {
	t.Helper()
	o := blobstore.Options{
		URL:              "https://contoso.blob.core.windows.net/box",
		ConnectionString: manifest.NewSecret("AccountName=contoso;AccountKey=" + base64.StdEncoding.EncodeToString([]byte("key")) + ";BlobEndpoint=https://contoso.blob.core.windows.net"),
		Now:              func() time.Time { return time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC) },
		Azure:            azure.Options{Client: &http.Client{Transport: newReplay(t, name)}, Retry: policy.RetryOptions{MaxRetries: -1}},
	}
	if change != nil {
		change(&o)
	}
	return open(t, o)
}

func putBody(ctx context.Context, s *blobstore.Store, name string) error {
	return s.Create(ctx, name, strings.NewReader("body"))
}

func keep30Days(o *blobstore.Options) {
	o.Rules = []blobstore.Rule{
		{Prefix: "archives/", Tier: "cool", ImmutableFor: 30 * 24 * time.Hour},
		{Prefix: "objects/", Tier: "archive", ImmutableFor: 30 * 24 * time.Hour},
	}
}

func TestImmutable(t *testing.T) {
	ctx, s := t.Context(), recorded(t, "immutable", keep30Days)
	const name = "archives/a/x.tar.zst"
	until := time.Date(2028, 10, 8, 14, 0, 0, 0, time.UTC) // 37.5 days
	must(t, putBody(ctx, s, name))
	must(t, putBody(ctx, s, vault.MarkerName))
	want := store.Info{
		Name: name, Size: 4, Modified: time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC),
		State: store.State{ImmutableUntil: until, Held: true},
	}
	info, err := s.Stat(ctx, name)
	if diff := cmp.Diff(want, info); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if err := s.Delete(ctx, name); err == nil || !strings.Contains(err.Error(), "a policy ends by itself") {
		t.Errorf("deleted: %v", err)
	}
	must(t, s.Touch(ctx, name))
	for info, err := range s.List(ctx, "") {
		if diff := cmp.Diff(want, info); diff != "" || err != nil {
			t.Error(err, diff)
		}
	}
	if !want.Protected(until.Add(time.Hour)) || want.State.Protected(until) != true || (store.State{ImmutableUntil: until}).Protected(until) {
		t.Error("protected at the wrong time")
	}
}

// Where the container cannot, the error says what to enable.
func TestImmutableUnsupported(t *testing.T) {
	s := recorded(t, "unsupported", func(o *blobstore.Options) {
		o.Rules = []blobstore.Rule{{ImmutableFor: time.Hour, Locked: true}}
	})
	for _, err := range []error{putBody(t.Context(), s, "archives/a/x.tar.zst"), s.SetHold(t.Context(), "archives/a/x.tar.zst", true)} {
		if err == nil || !strings.Contains(err.Error(), "make a container with version-level immutability support") {
			t.Errorf("%v", err)
		}
	}
}

func TestHold(t *testing.T) {
	ctx, s := t.Context(), recorded(t, "hold", nil)
	must(t, s.SetHold(ctx, "archives/a/x.tar.zst", true))
	must(t, s.SetHold(ctx, "archives/a/x.tar.zst", false))
	if err := s.Touch(ctx, "archives/a/x.tar.zst"); !errors.Is(err, store.ErrUntouchable) {
		t.Errorf("%v", err)
	}
}

func TestArchiveTier(t *testing.T) {
	ctx, s := t.Context(), recorded(t, "tiers", func(o *blobstore.Options) { o.Rules = []blobstore.Rule{{Prefix: "objects/", Tier: "archive"}} })
	const name = "objects/sha256/ab/a.jpg"
	must(t, putBody(ctx, s, name))
	if _, err := s.Open(ctx, name, 0, 4); !errors.Is(err, store.ErrOffline) || !strings.Contains(err.Error(), "cvarchive rehydrate") {
		t.Errorf("read: %v", err)
	}
	if err := s.Touch(ctx, name); !errors.Is(err, store.ErrUntouchable) {
		t.Errorf("touched: %v", err)
	}
	must(t, s.Rehydrate(ctx, name, "cool", true))
	pending := store.State{Offline: true, Rehydrating: true}
	if info, err := s.Stat(ctx, name); err != nil || info.State != pending {
		t.Errorf("%+v, %v", info, err)
	}
	var states []store.State
	for info, err := range s.List(ctx, "objects/") {
		must(t, err)
		states = append(states, info.State)
	}
	if diff := cmp.Diff([]store.State{pending, {Offline: true}, {}}, states); diff != "" {
		t.Error(diff)
	}
	if err := s.Rehydrate(ctx, name, "archive", false); err == nil {
		t.Error("from the archive tier to the archive tier")
	}
}

func TestSoftDelete(t *testing.T) {
	ctx, s := t.Context(), recorded(t, "softdelete", nil)
	days, deleted, err := s.SoftDeleted(ctx, "objects/a.jpg")
	if days != 6 || !deleted || err != nil {
		t.Errorf("%d, %v, %v", days, deleted, err)
	}
	must(t, s.Undelete(ctx, "objects/a.jpg"))
	if _, deleted, err := s.SoftDeleted(ctx, "objects/b.jpg"); deleted || err != nil {
		t.Errorf("%v, %v", deleted, err)
	}
}

func TestCustomerKey(t *testing.T) {
	const key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	ctx, s := t.Context(), recorded(t, "customerkey", func(o *blobstore.Options) { o.CustomerKey = manifest.NewSecret(key) })
	must(t, putBody(ctx, s, "a"))
	_, err := s.Stat(ctx, "a")
	must(t, err)
	if got := read(t, s, "a", 0, -1); got != "body" {
		t.Errorf("%q", got)
	}
	must(t, s.Touch(ctx, "a"))
	if _, err := s.Open(ctx, "b", 0, -1); err == nil || !strings.Contains(err.Error(), "set customer_key") || strings.Contains(err.Error(), key) {
		t.Errorf("%v", err)
	}
	if _, err := s.ReadURL(ctx, "a", time.Hour); err == nil || !strings.Contains(err.Error(), "customer_key") {
		t.Errorf("a link: %v", err)
	}
	if err := s.CopyFrom(ctx, s, "a", 4); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("copied: %v", err)
	}
	for _, o := range []blobstore.Options{
		{URL: "https://a.blob.core.windows.net/box?sig=x", CustomerKey: manifest.NewSecret("short")},
		{URL: "https://a.blob.core.windows.net/box?sig=x", CustomerKey: manifest.NewSecret(key), EncryptionScope: "x"},
		{URL: "http://127.0.0.1:1/a/box?sig=x", CustomerKey: manifest.NewSecret(key)},
	} {
		if _, err := blobstore.New(o); err == nil || strings.Contains(err.Error(), "AAEC") || strings.Contains(err.Error(), "short") {
			t.Errorf("%v", err)
		}
	}
}

func TestEncryptionScope(t *testing.T) {
	s := recorded(t, "scope", func(o *blobstore.Options) { o.EncryptionScope = "finance" })
	must(t, putBody(t.Context(), s, "a"))
	must(t, s.Touch(t.Context(), "a"))
}

// A link under Entra ID is signed with a user delegation key, which serves more
// than one.
func TestUserDelegation(t *testing.T) {
	s := recorded(t, "delegation", func(o *blobstore.Options) {
		o.ConnectionString = manifest.Secret{}
		o.Credential = token{text: newToken("https://storage.azure.com")}
	})
	for _, name := range []string{"objects/a.jpg", "objects/b.jpg"} {
		link, err := s.ReadURL(t.Context(), name, time.Hour)
		must(t, err)
		u, err := url.Parse(link.Reveal())
		must(t, err)
		q := u.Query()
		if u.Path != "/box/"+name || q.Get("sp") != "r" || q.Get("sr") != "b" || q.Get("spr") != "https" || q.Get("sig") == "" ||
			q.Get("skoid") != "23657296-5cd5-45b0-a809-d972a7f4dfe1" || q.Get("sktid") != "ab1f708d-50f6-404c-a006-d71b2ac7a606" {
			t.Errorf("%s: %v", u.Path, q)
		}
	}
}

func TestCopyWithPolicy(t *testing.T) {
	s := recorded(t, "copy", keep30Days)
	must(t, s.CopyFrom(t.Context(), s, "objects/a.jpg", 4))
}

func TestProtections(t *testing.T) {
	p, err := recorded(t, "container", nil).Protections(t.Context())
	want := blobstore.Protections{
		VersionImmutability: blobstore.Yes, ContainerPolicy: blobstore.No, ContainerHold: blobstore.No,
		Versioning: blobstore.Yes, SoftDelete: blobstore.Yes, SoftDeleteDays: 7, Hierarchical: blobstore.No,
	}
	if diff := cmp.Diff(want, p); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestDeleteUnchanged(t *testing.T) {
	s := recorded(t, "changed", nil)
	seen := store.Info{Name: "objects/a.jpg", Modified: time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC)}
	if err := s.DeleteUnchanged(t.Context(), seen); !errors.Is(err, store.ErrChanged) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	must(t, s.DeleteUnchanged(t.Context(), seen))
}
