package azure

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// send asks through the real transport and returns what went wrong.
func send(t *testing.T, client *http.Client, address string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", address+"/x?sig=PLANTED", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = newTransport(client).Do(req)
	if err == nil {
		t.Fatal("there is an answer")
	}
	return err
}

func TestExplain(t *testing.T) {
	refusing := httptest.NewServer(nil)
	refusing.Close()
	resetting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
	}))
	defer resetting.Close()
	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler())
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0)
	tlsServer.StartTLS()
	defer tlsServer.Close()
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	impatient := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: 10 * time.Millisecond}}
	proxied := &http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(refusing.URL) }}}

	for name, tc := range map[string]struct {
		err               error
		cause, hint       string
		permanent, unsent bool
	}{
		"refused":   {send(t, nil, refusing.URL), "refused the connection", "address and port", false, true},
		"reset":     {send(t, nil, resetting.URL), "was lost", "try again", false, false},
		"authority": {send(t, nil, tlsServer.URL), "unknown authority", "SSL_CERT_FILE", true, true},
		"no TLS":    {send(t, nil, strings.Replace(resetting.URL, "http:", "https:", 1)), "", "", false, false},
		"timeout":   {send(t, impatient, slow.URL), "in time", "HTTPS_PROXY", false, false},
		"proxy":     {send(t, proxied, "https://example.com"), "proxy", "HTTPS_PROXY", false, true},
		"no name":   {&net.DNSError{Err: "no such host", Name: "host", IsNotFound: true}, "does not exist", "endpoint", true, true},
		"no DNS":    {&net.DNSError{Err: "server misbehaving", Name: "host", IsTemporary: true}, "cannot be looked up", "DNS", false, true},
		"expired":   {x509.CertificateInvalidError{Reason: x509.Expired}, "is not valid", "SSL_CERT_FILE", true, true},
		"cancelled": {context.Canceled, "cancelled", "", false, false},
		"unknown":   {errors.New("odd https://h/?sig=PLANTED"), "odd https://h/", "network", false, false},
		"wrapped":   {&url.Error{Op: "Get", URL: "https://h/?sig=PLANTED", Err: io.EOF}, "was lost", "try again", false, false},
		"token":     {tokenError(t), "no Entra ID token: AADSTS7000215", "az login", true, false},
	} {
		cause, hint := Explain(tc.err, "host")
		if !strings.Contains(cause.Error(), tc.cause) || !strings.Contains(hint, tc.hint) {
			t.Errorf("%s: %q; %q", name, cause, hint)
		}
		if text := cause.Error(); strings.Contains(text, "PLANTED") || strings.Contains(text, "\n") {
			t.Errorf("%s: %q shows a secret or more than a line", name, text)
		}
		if !errors.Is(cause, withoutURL(tc.err)) && name != "expired" {
			t.Errorf("%s: the cause does not unwrap", name)
		}
		if IsPermanent(tc.err) != tc.permanent || IsUnsent(tc.err) != tc.unsent {
			t.Errorf("%s: permanent %t, unsent %t", name, IsPermanent(tc.err), IsUnsent(tc.err))
		}
	}
}

func tokenError(t *testing.T) error {
	t.Helper()
	_, err := Credential(noToken{}).GetToken(t.Context(), policy.TokenRequestOptions{})
	if Credential(nil) != nil {
		t.Error("no credential became one")
	}
	return err
}
