package blobstore_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/storecheck"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/remote/azure"
	"cvarchive/remote/blobstore"
	"cvarchive/remote/blobstore/azurite"
)

// TestAzurite runs against the official emulator, one for all parts.
func TestAzurite(t *testing.T) {
	server := azurite.Start(t)
	for name, part := range map[string]func(*testing.T, *azurite.Server){
		"contract":      testContract,
		"requests":      testRequests,
		"large":         testLarge,
		"lost answers":  testLostAnswers,
		"broken body":   testBrokenBody,
		"broken reads":  testBrokenReads,
		"changed reads": testChangedReads,
		"pages":         testPages,
		"properties":    testProperties,
		"MD5 is known":  testKnownMD5,
		"ensure":        testEnsure,
		"errors":        testErrors,
		"vault":         testVault,
		"links":         testLinks,
		"copies":        testCopies,
	} {
		t.Run(name, func(t *testing.T) { part(t, server) })
	}
}

// wire is a transport that notes requests and lets a test interfere.
type wire struct {
	mu       sync.Mutex
	requests []string
	ranges   []string
	// before may answer in place of the service; after may change an answer.
	before func(*http.Request)
	after  func(*http.Request, *http.Response) (*http.Response, error)
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	operation := req.Method
	if comp := req.URL.Query().Get("comp"); comp != "" {
		operation += " " + comp
	}
	w.mu.Lock()
	w.requests = append(w.requests, operation)
	for key, values := range req.Header { // the client does not spell it as net/http does
		if strings.EqualFold(key, "x-ms-range") {
			w.ranges = append(w.ranges, values...)
		}
	}
	w.mu.Unlock()
	if w.before != nil {
		w.before(req)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && w.after != nil {
		return w.after(req, resp)
	}
	return resp, err
}

func (w *wire) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.requests
	w.requests, w.ranges = nil, nil
	return taken
}

// overWire makes a store retry quickly and through w.
func overWire(o blobstore.Options, w *wire) blobstore.Options {
	o.Azure = azure.Options{Version: "test", Client: &http.Client{Transport: w}, Retry: policy.RetryOptions{RetryDelay: time.Millisecond, MaxRetryDelay: time.Millisecond}}
	return o
}

func open(t testing.TB, o blobstore.Options) *blobstore.Store {
	t.Helper()
	s, err := blobstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// byKey are options for a fresh container.
func byKey(t testing.TB, server *azurite.Server) blobstore.Options {
	t.Helper()
	return blobstore.Options{URL: server.ContainerURL(t), ConnectionString: manifest.NewSecret(server.ConnectionString)}
}

func allPermissions() sas.ContainerPermissions {
	return sas.ContainerPermissions{Read: true, Add: true, Create: true, Write: true, Delete: true, List: true}
}

func testContract(t *testing.T, server *azurite.Server) {
	signed := func(t *testing.T) string {
		return server.SAS(t, server.ContainerURL(t), allPermissions(), time.Now().Add(time.Hour))
	}
	for name, options := range map[string]func(*testing.T) blobstore.Options{
		"key": func(t *testing.T) blobstore.Options { return byKey(t, server) },
		"folder": func(t *testing.T) blobstore.Options {
			o := byKey(t, server)
			o.URL += "/deep down/folder"
			return o
		},
		"container name": func(t *testing.T) blobstore.Options {
			o := byKey(t, server)
			o.URL = o.URL[strings.LastIndex(o.URL, "/")+1:]
			return o
		},
		"sas": func(t *testing.T) blobstore.Options { return blobstore.Options{URL: signed(t)} },
		"sas in folder": func(t *testing.T) blobstore.Options {
			return blobstore.Options{URL: strings.Replace(signed(t), "?", "/folder?", 1)}
		},
		"connection string with sas": func(t *testing.T) blobstore.Options {
			address, signature, _ := strings.Cut(signed(t), "?")
			return blobstore.Options{URL: address, ConnectionString: manifest.NewSecret("BlobEndpoint=" + server.URL + ";SharedAccessSignature=?" + signature)}
		},
		"blocks": func(t *testing.T) blobstore.Options {
			o := byKey(t, server)
			o.SingleShot = 1
			return o
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, options(t))
			for r := range storecheck.Run(t.Context(), s, "check/") {
				if r.Err != nil {
					t.Errorf("%s: %v", r.Check, r.Err)
				}
			}
			for info, err := range s.List(t.Context(), "") {
				t.Fatalf("the checks left %v, %v", info, err)
			}
		})
	}
}

// Each operation costs one request; what is taken costs one more, to see by
// whom.
func testRequests(t *testing.T, server *azurite.Server) {
	ctx := t.Context()
	w := &wire{}
	s := open(t, overWire(byKey(t, server), w))
	expect := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, w.take()); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	must(t, s.Create(ctx, "a", strings.NewReader("body")))
	expect("create", "PUT")
	if err := s.Create(ctx, "a", strings.NewReader("body")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("taken: %v", err)
	}
	expect("create a taken name", "PUT", "HEAD")
	if got := read(t, s, "a", 1, 2); got != "od" {
		t.Errorf("read %q", got)
	}
	expect("read", "GET")
	_, err := s.Stat(ctx, "a")
	must(t, err)
	expect("stat", "HEAD")
	for _, err := range s.List(ctx, "") {
		must(t, err)
	}
	expect("list", "GET list")
	must(t, s.Delete(ctx, "a"))
	expect("delete", "DELETE")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, s vault.Store, name string, offset, length int64) string {
	t.Helper()
	r, err := s.Open(t.Context(), name, offset, length)
	must(t, err)
	data, err := io.ReadAll(r)
	must(t, errors.Join(err, r.Close()))
	return string(data)
}

// testLarge sends 70 MiB, more than goes with one request.
func testLarge(t *testing.T, server *azurite.Server) {
	w := &wire{}
	s := open(t, overWire(byKey(t, server), w))
	data := make([]byte, 70<<20)
	rng := rand.NewChaCha8([32]byte{3})
	_, _ = rng.Read(data)
	must(t, s.Create(t.Context(), "large.zip", bytes.NewReader(data)))
	counts := map[string]int{}
	for _, request := range w.take() {
		counts[request]++
	}
	if diff := cmp.Diff(map[string]int{"HEAD": 1, "PUT block": 9, "PUT blocklist": 1}, counts); diff != "" {
		t.Error(diff)
	}
	r, err := s.Open(t.Context(), "large.zip", 0, -1)
	must(t, err)
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	must(t, errors.Join(err, r.Close()))
	if want := sha256.Sum256(data); n != int64(len(data)) || !bytes.Equal(sum.Sum(nil), want[:]) {
		t.Errorf("%d bytes come back, and not the same", n)
	}
	w.take()
	if err := s.Create(t.Context(), "large.zip", bytes.NewReader(data)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("taken: %v", err)
	}
	if diff := cmp.Diff([]string{"HEAD"}, w.take()); diff != "" {
		t.Errorf("a large body was sent to a taken name: %s", diff)
	}
}

// testLostAnswers lets writes arrive and their answers not.
func testLostAnswers(t *testing.T, server *azurite.Server) {
	for name, c := range map[string]struct {
		singleShot int64
		operation  string
	}{
		"put blob":       {0, "PUT"},
		"put block":      {1, "PUT block"},
		"put block list": {1, "PUT blocklist"},
	} {
		t.Run(name, func(t *testing.T) {
			w, lost := &wire{}, 0
			w.after = func(req *http.Request, resp *http.Response) (*http.Response, error) {
				operation := strings.TrimSpace(req.Method + " " + req.URL.Query().Get("comp"))
				if operation != c.operation || lost > 0 {
					return resp, nil
				}
				lost++
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				return nil, io.ErrUnexpectedEOF
			}
			o := overWire(byKey(t, server), w)
			o.SingleShot = c.singleShot
			s := open(t, o)
			must(t, s.Create(t.Context(), "a", strings.NewReader("body")))
			if lost != 1 {
				t.Error("no answer was lost")
			}
			if got := read(t, s, "a", 0, -1); got != "body" {
				t.Errorf("stored %q", got)
			}
			// The same bytes by another write are somebody else's.
			lost = 0
			if err := s.Create(t.Context(), "a", strings.NewReader("body")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("taken by another: %v", err)
			}
		})
	}
}

// failSecond is a body whose second reading fails half-way.
type failSecond struct {
	io.ReadSeeker
	readings, left int
}

var errBody = errors.New("the picture's file is gone")

func (b *failSecond) Read(p []byte) (int, error) {
	if b.readings < 2 {
		n, err := b.ReadSeeker.Read(p)
		if err == io.EOF {
			b.readings = 2
		}
		return n, err
	}
	if b.left == 0 {
		return 0, errBody
	}
	n, err := b.ReadSeeker.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// testBrokenBody fails a body while it is sent: that is no reason to send it
// again, nor the service's fault.
func testBrokenBody(t *testing.T, server *azurite.Server) {
	w := &wire{}
	s := open(t, overWire(byKey(t, server), w))
	err := s.Create(t.Context(), "a", &failSecond{ReadSeeker: bytes.NewReader(make([]byte, 1<<20)), left: 1 << 19})
	if want := "store a: read what is to be stored: the picture's file is gone"; err == nil || err.Error() != want || !errors.Is(err, errBody) {
		t.Errorf("%v, not %s", err, want)
	}
	if diff := cmp.Diff([]string{"PUT"}, w.take()); diff != "" {
		t.Error(diff)
	}
	if err := stat(t.Context(), s); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part is there: %v", err)
	}
}

// cutBody breaks off after some bytes, as a lost connection does.
type cutBody struct {
	io.ReadCloser
	left int
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func testBrokenReads(t *testing.T, server *azurite.Server) {
	w := &wire{}
	cuts := 3
	w.after = func(req *http.Request, resp *http.Response) (*http.Response, error) {
		if req.Method == http.MethodGet && cuts > 0 {
			cuts--
			resp.Body = &cutBody{resp.Body, 10}
		}
		return resp, nil
	}
	s := open(t, overWire(byKey(t, server), w))
	data := strings.Repeat("0123456789", 10)
	must(t, s.Create(t.Context(), "a", strings.NewReader(data)))
	w.take()
	if got := read(t, s, "a", 5, 60); got != data[5:65] {
		t.Errorf("read %q", got)
	}
	w.mu.Lock()
	got := w.ranges
	w.mu.Unlock()
	if diff := cmp.Diff([]string{"bytes=5-64", "bytes=15-64", "bytes=25-64", "bytes=35-64"}, got); diff != "" {
		t.Error(diff)
	}

	cuts = 1 << 30 // for ever, now without a byte
	w.after = func(req *http.Request, resp *http.Response) (*http.Response, error) {
		resp.Body = &cutBody{resp.Body, 0}
		return resp, nil
	}
	w.take()
	r, err := s.Open(t.Context(), "a", 0, -1)
	must(t, err)
	_, err = io.ReadAll(r)
	se, ok := errors.AsType[*manifest.ServiceError](err)
	if !ok || se.Operation != "GetBlob" || !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "the connection to 127.0.0.1") {
		t.Errorf("a connection that always breaks: %v", err)
	}
	if n := len(w.take()); n > 10 {
		t.Errorf("%d requests to no avail", n)
	}
}

// testPages asks for two names a page.
func testPages(t *testing.T, server *azurite.Server) {
	w := &wire{before: func(req *http.Request) {
		if q := req.URL.Query(); q.Get("comp") == "list" {
			q.Set("maxresults", "2")
			req.URL.RawQuery = q.Encode()
		}
	}}
	address := server.SAS(t, server.ContainerURL(t), allPermissions(), time.Now().Add(time.Hour))
	s := open(t, overWire(blobstore.Options{URL: address}, w))
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("archives/%d", i)
		want = append(want, name)
		must(t, s.Create(t.Context(), name, strings.NewReader("x")))
	}
	must(t, s.Create(t.Context(), "other", strings.NewReader("x")))
	w.take()
	var got []string
	for info, err := range s.List(t.Context(), "archives/") {
		must(t, err)
		got = append(got, info.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := len(w.take()); n != 4 {
		t.Errorf("7 names in pages of 2 took %d requests", n)
	}
}

// testProperties looks at a blob as others see it.
func testProperties(t *testing.T, server *azurite.Server) {
	o := byKey(t, server)
	o.Rules = []blobstore.Rule{{Tier: "cool"}}
	for name, singleShot := range map[string]int64{"single.jpg": 0, "blocks.jpg": 1} {
		o.SingleShot = singleShot
		must(t, open(t, o).Create(t.Context(), name, strings.NewReader("picture")))
		c, err := container.NewClientFromConnectionString(server.ConnectionString, o.URL[strings.LastIndex(o.URL, "/")+1:], nil)
		must(t, err)
		p, err := c.NewBlobClient(name).GetProperties(t.Context(), nil)
		must(t, err)
		if p.AccessTier == nil || *p.AccessTier != string(blob.AccessTierCool) || p.ContentType == nil || *p.ContentType != "image/jpeg" || fmt.Sprintf("%x", p.ContentMD5) != "e5a90ddd8bb7d61fa8cec1c7afad1e17" && len(p.ContentMD5) != 16 {
			t.Errorf("%s: tier %v, type %v, MD5 %x", name, p.AccessTier, p.ContentType, p.ContentMD5)
		}
	}
}

// testKnownMD5 stores bodies that know their MD5: the service holds what arrives
// against it.
func testKnownMD5(t *testing.T, server *azurite.Server) {
	s := open(t, byKey(t, server))
	sum := md5.Sum([]byte("picture"))
	must(t, s.Create(t.Context(), "right.jpg", summed{strings.NewReader("picture"), sum[:]}))
	err := s.Create(t.Context(), "wrong.jpg", summed{strings.NewReader("pictures"), sum[:]})
	if e, ok := errors.AsType[*manifest.ServiceError](err); !ok || e.StatusCode != http.StatusBadRequest {
		t.Errorf("a body with another MD5: %v", err)
	}
	if _, err := s.Stat(t.Context(), "wrong.jpg"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

type summed struct {
	io.ReadSeeker
	sum []byte
}

func (s summed) MD5() []byte { return s.sum }

func testEnsure(t *testing.T, server *azurite.Server) {
	ctx := t.Context()
	s := open(t, blobstore.Options{URL: "fresh-container", ConnectionString: manifest.NewSecret(server.ConnectionString)})
	if _, err := vault.Open(ctx, s); err == nil || !strings.Contains(err.Error(), "ContainerNotFound") || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a container: %v", err)
	}
	must(t, s.Ensure(ctx))
	must(t, s.Ensure(ctx))
	vaulttest.Init(t, s)
	// A SAS of the container may not create it, and need not.
	signed := server.SAS(t, s.String(), allPermissions(), time.Now().Add(time.Hour))
	must(t, open(t, blobstore.Options{URL: signed}).Ensure(ctx))
}

// testVault runs the whole of a vault's life on Blob.
func testVault(t *testing.T, server *azurite.Server) {
	ctx := t.Context()
	w := &wire{}
	v := vaulttest.Init(t, open(t, overWire(byKey(t, server), w)))
	data := []byte("picture")
	o := manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: "png"}
	w.take()
	for _, want := range []bool{false, true} {
		existed, err := v.PutObject(ctx, o, bytes.NewReader(data))
		must(t, err)
		if existed != want {
			t.Errorf("existed: %t", existed)
		}
	}
	r, err := v.OpenObject(ctx, o)
	must(t, err)
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %q, %v", got, err)
	}
	archive := bytes.Repeat([]byte("archive "), 100<<10)
	a, err := v.CommitArchive(ctx, "prod", time.Now(), "00c0ffee", bytes.NewReader(archive))
	must(t, err)
	w.take()
	found, err := v.Resolve(ctx, "latest")
	must(t, err)
	if diff := cmp.Diff(a, found); diff != "" {
		t.Error(diff)
	}
	f, err := v.OpenArchive(ctx, found)
	must(t, err)
	defer f.Close()
	tail := make([]byte, 256<<10)
	_, err = f.ReadAt(tail, f.Size()-int64(len(tail)))
	must(t, err)
	if !bytes.HasSuffix(archive, tail) {
		t.Error("the tail is not the archive's")
	}
	if diff := cmp.Diff([]string{"GET list", "GET"}, w.take()); diff != "" {
		t.Errorf("opening an archive: %s", diff)
	}
}

func testLinks(t *testing.T, server *azurite.Server) {
	o := byKey(t, server)
	o.URL += "/a folder"
	s := open(t, o)
	checkLink(t, s, http.DefaultClient)
	signed := open(t, blobstore.Options{URL: server.SAS(t, server.ContainerURL(t), allPermissions(), time.Now().Add(time.Hour))})
	if _, err := signed.ReadURL(t.Context(), "a", time.Hour); !errors.Is(err, blobstore.ErrCannotSign) {
		t.Errorf("from a SAS: %v", err)
	}
}

// checkLink makes a link to one object and uses it, also for what it must not
// permit.
func checkLink(t *testing.T, s *blobstore.Store, client *http.Client) {
	t.Helper()
	const name = "objects/sha256/ab/möwe 1.jpg"
	must(t, s.Create(t.Context(), name, strings.NewReader("picture")))
	must(t, s.Create(t.Context(), "other", strings.NewReader("private")))
	link, err := s.ReadURL(t.Context(), name, time.Hour)
	must(t, err)
	if text := fmt.Sprintf("%v %+v %s", link, link, link); strings.Contains(text, "sig") {
		t.Errorf("the link prints as %s", text)
	}
	fetch := func(url string) (int, string) {
		resp, err := client.Get(url)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, errors.Join(err, resp.Body.Close()))
		return resp.StatusCode, string(body)
	}
	if status, body := fetch(link.Reveal()); status != http.StatusOK || body != "picture" {
		t.Errorf("the link gives %d %s", status, body)
	}
	address, query, _ := strings.Cut(link.Reveal(), "?")
	if status, body := fetch(address[:strings.LastIndex(address, "/")] + "/a%20folder%2Fother?" + query); status == http.StatusOK {
		t.Errorf("the link opens another blob: %s", body)
	}
	if _, err := s.ReadURL(t.Context(), name, 30*24*time.Hour); err == nil {
		t.Error("a link may live for 30 days")
	}
}

// testErrors provokes what the emulator can refuse, and looks for secrets.
func testErrors(t *testing.T, server *azurite.Server) {
	url := server.ContainerURL(t)
	hour := time.Now().Add(time.Hour)
	wrongKey := strings.Replace(server.ConnectionString, server.Key, "d3Jvbmcga2V5IHdyb25nIGtleSB3cm9uZyBrZXkgd3Jvbmcga2V5IHdyb25nIGtleQ==", 1)
	for name, c := range map[string]struct {
		options blobstore.Options
		do      func(context.Context, *blobstore.Store) error
		want    []string
	}{
		"wrong key": {
			blobstore.Options{URL: url, ConnectionString: manifest.NewSecret(wrongKey)}, stat,
			[]string{"GetBlobProperties on " + url + " answered 403 AuthorizationFailure", "(request ", "check the account key in the connection string (was it rotated?) and this machine's clock"},
		},
		"expired sas": {
			blobstore.Options{URL: server.SAS(t, url, allPermissions(), time.Now().Add(-time.Minute))}, list,
			[]string{"ListBlobs on " + url + " answered 403", "(request ", "check that the SAS is whole and has not expired"},
		},
		"sas may not write": {
			blobstore.Options{URL: server.SAS(t, url, sas.ContainerPermissions{Read: true, List: true}, hour)}, create,
			[]string{"PutBlob on " + url + " answered 403 AuthorizationPermissionMismatch", "the SAS does not permit create (c) or write (w)"},
		},
		"sas may not list": {
			blobstore.Options{URL: server.SAS(t, url, sas.ContainerPermissions{Read: true}, hour)}, list,
			[]string{"ListBlobs on ", "the SAS does not permit list (l)"},
		},
		"missing container": {
			blobstore.Options{URL: server.URL + "/missing", ConnectionString: manifest.NewSecret(server.ConnectionString)}, create,
			[]string{"PutBlob on " + server.URL + "/missing answered 404 ContainerNotFound", "make it with `cvarchive init`"},
		},
		"missing container, list": {
			blobstore.Options{URL: server.URL + "/missing", ConnectionString: manifest.NewSecret(server.ConnectionString)}, list,
			[]string{"ListBlobs on ", "ContainerNotFound"},
		},
		"taken": {
			blobstore.Options{URL: url, ConnectionString: manifest.NewSecret(server.ConnectionString)},
			func(ctx context.Context, s *blobstore.Store) error {
				return errors.Join(create(ctx, s), create(ctx, s))
			},
			[]string{"store a: PutBlob on " + url + " answered 409 BlobAlreadyExists", "nothing was replaced"},
		},
		"nobody there": {
			blobstore.Options{URL: "http://127.0.0.1:1/devstoreaccount1/box", ConnectionString: manifest.NewSecret("AccountName=devstoreaccount1;AccountKey=" + server.Key + ";BlobEndpoint=http://127.0.0.1:1/devstoreaccount1")}, list,
			[]string{"ListBlobs on http://127.0.0.1:1/devstoreaccount1/box got no answer: 127.0.0.1:1 refused the connection"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, overWire(c.options, &wire{}))
			err := c.do(t.Context(), s)
			if _, ok := errors.AsType[*manifest.ServiceError](err); !ok {
				t.Fatalf("not a ServiceError: %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			for _, secret := range []string{"sig=", server.Key, "d3Jvbmcga2V5"} {
				if strings.Contains(fmt.Sprintf("%v %+v %s", err, err, s), secret) {
					t.Errorf("%q shows %s", err, secret)
				}
			}
			t.Log(err)
		})
	}
}

func stat(ctx context.Context, s *blobstore.Store) error { _, err := s.Stat(ctx, "a"); return err }

func create(ctx context.Context, s *blobstore.Store) error {
	return s.Create(ctx, "a", strings.NewReader("x"))
}

func list(ctx context.Context, s *blobstore.Store) error {
	for _, err := range s.List(ctx, "") {
		return err
	}
	return nil
}

// BenchmarkPutObject against bare uploads with the client library: what the
// digests, the create-only condition and the mark cost.
func BenchmarkPutObject(b *testing.B) {
	server := azurite.Start(b)
	data := make([]byte, 512<<10)
	next := func(i int) { copy(data, []byte{byte(i), byte(i >> 8), byte(i >> 16)}) }
	b.Run("vault", func(b *testing.B) {
		v := vaulttest.Init(b, open(b, byKey(b, server)))
		b.SetBytes(int64(len(data)))
		for i := 0; b.Loop(); i++ {
			next(i)
			_, err := v.PutObject(b.Context(), manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: "jpg"}, bytes.NewReader(data))
			must(b, err)
		}
	})
	b.Run("bare", func(b *testing.B) {
		url := server.ContainerURL(b)
		c, err := container.NewClientFromConnectionString(server.ConnectionString, url[strings.LastIndex(url, "/")+1:], nil)
		must(b, err)
		b.SetBytes(int64(len(data)))
		for i := 0; b.Loop(); i++ {
			next(i)
			_, err := c.NewBlockBlobClient(fmt.Sprint(i)).Upload(b.Context(), streaming.NopCloser(bytes.NewReader(data)), nil)
			must(b, err)
		}
	})
}

// Bytes that change on the way are noticed, even by who reads no further than
// to the last of them.
func testChangedReads(t *testing.T, server *azurite.Server) {
	w := &wire{}
	s := open(t, overWire(byKey(t, server), w))
	content := bytes.Repeat([]byte("0123456789"), 100)
	if err := s.Create(t.Context(), "blob", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	read := func(offset, length int64) ([]byte, error) {
		r, err := s.Open(t.Context(), "blob", offset, length)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		data := make([]byte, min(length, int64(len(content))-offset))
		_, err = io.ReadFull(r, data)
		return data, err
	}
	for _, length := range []int64{1, 500, 1000, 1001} {
		w.after = nil
		if data, err := read(0, length); err != nil || !bytes.Equal(data, content[:min(length, 1000)]) {
			t.Errorf("%d bytes: %v", length, err)
		}
		w.after = func(_ *http.Request, resp *http.Response) (*http.Response, error) {
			data, err := io.ReadAll(resp.Body)
			if err == nil {
				data[len(data)-1] ^= 1
			}
			resp.Body = io.NopCloser(bytes.NewReader(data))
			return resp, err
		}
		if _, err := read(0, length); err == nil || !strings.Contains(err.Error(), "read blob: what arrived is not what the storage has") {
			t.Errorf("%d bytes, one of them changed: %v", length, err)
		}
	}
}
