package blobstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"cvarchive/archive/vault/storecheck"
	"cvarchive/manifest"
	"cvarchive/remote/azure"
	"cvarchive/remote/blobstore"
	"cvarchive/remote/blobstore/azurite"
)

// token is a credential that hands out one token, or fails.
type token struct {
	text string
	err  error
}

func (c token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: c.text, ExpiresOn: time.Now().Add(time.Hour)}, c.err
}

// newToken makes a token as Entra ID does for storage; the emulator looks at
// its claims only.
func newToken(audience string) string {
	encode := base64.RawURLEncoding.EncodeToString
	now := time.Now().Unix()
	claims := fmt.Sprintf(`{"aud":%q,"iss":"https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/","tid":"ab1f708d-50f6-404c-a006-d71b2ac7a606","oid":"23657296-5cd5-45b0-a809-d972a7f4dfe1","iat":%d,"nbf":%d,"exp":%d}`, audience, now-60, now-60, now+3600)
	return encode([]byte(`{"typ":"JWT","alg":"RS256"}`)) + "." + encode([]byte(claims)) + "." + encode([]byte("signature"))
}

// TestEntraID uses bearer tokens, which need https.
func TestEntraID(t *testing.T) {
	certFile, keyFile, client := certificate(t)
	server := azurite.StartWith(t, azurite.Options{CertFile: certFile, KeyFile: keyFile, Client: client})
	options := blobstore.Options{
		URL: server.ContainerURL(t), Credential: token{text: newToken("https://storage.azure.com")},
		Azure: azure.Options{Client: client, Retry: policy.RetryOptions{RetryDelay: time.Millisecond}},
	}
	for r := range storecheck.Run(t.Context(), open(t, options), "check/") {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Check, r.Err)
		}
	}

	checkLinkAsInAzure(t, server, options, client)

	bad := newToken("https://vault.azure.net")
	options.Credential = token{text: bad}
	err := list(t.Context(), open(t, options))
	se, ok := errors.AsType[*manifest.ServiceError](err)
	if !ok || !manifest.IsForbidden(err) || se.Hint == "" || strings.Contains(err.Error(), bad) {
		t.Errorf("a token for another service: %v", err)
	}
	t.Log(err)

	options.Credential = token{err: errors.New("AADSTS700082: expired, client_secret=hunter2hunter2")}
	err = list(t.Context(), open(t, options))
	if err == nil || !strings.Contains(err.Error(), "no Entra ID token: AADSTS700082") || !strings.Contains(err.Error(), "az login") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("no token: %v", err)
	}
}

// checkLinkAsInAzure calls the emulator by the name that the account would
// have in Azure: the client library takes the account's name for user
// delegation from the host.
func checkLinkAsInAzure(t *testing.T, server *azurite.Server, options blobstore.Options, client *http.Client) {
	t.Helper()
	address, err := url.Parse(server.URL)
	must(t, err)
	transport := client.Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address.Host)
	}
	client = &http.Client{Transport: transport}
	options.Azure.Client = client
	options.URL = "https://" + host + options.URL[strings.LastIndex(options.URL, "/"):] + "/a folder"
	checkLink(t, open(t, options), client)
}

// host is the emulator's account as Azure would name it.
const host = azurite.Account + ".blob.core.windows.net"

// certificate makes one for 127.0.0.1 and host, and a client that trusts it.
func certificate(t *testing.T) (certFile, keyFile string, client *http.Client) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "azurite"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(certFile, certPEM, 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}
