package blobstore

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"cvarchive/manifest"
	"cvarchive/remote/azure"
)

// Answers of the real service that the emulator never gives.
func TestExplainAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status             int
		code, message, aux string
		auth               authKind
		want               string
		is                 error
	}{
		"clock":          {403, "AuthenticationFailed", "Server failed to authenticate the request.\nRequestId:77\nTime:x", "Request date header not within allowable 15 minutes range", byKey, "this machine's clock is wrong by more than 15 minutes", nil},
		"expired":        {403, "AuthenticationFailed", "Server failed", "Signature not valid in the specified time frame: Start [x] - Expiry [y] - Current [z]", bySAS, "the SAS has expired or is not valid yet", nil},
		"wrong key":      {403, "AuthenticationFailed", "Server failed", "The MAC signature found in the HTTP request 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=' is not the same", byKey, "was it rotated?", nil},
		"wrong tenant":   {401, "InvalidAuthenticationInfo", "Authentication information is not given in the correct format.", "", byEntra, "of the account's tenant", nil},
		"role":           {403, "AuthorizationPermissionMismatch", "This request is not authorized", "", byEntra, "Storage Blob Data Contributor", nil},
		"no keys":        {403, "KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted on this storage account.", "", byKey, "use Entra ID", nil},
		"not public":     {409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account.", "", bySAS, "the container is not public", nil},
		"archive tier":   {409, "BlobArchived", "This operation is not permitted on an archived blob.", "", byKey, "cvarchive rehydrate", nil},
		"busy":           {503, "ServerBusy", "The server is currently unable to receive requests.", "", byKey, "try again later", nil},
		"missing":        {404, "BlobNotFound", "The specified blob does not exist.", "", byKey, "answered 404 BlobNotFound: The specified blob does not exist", fs.ErrNotExist},
		"unknown code":   {418, "Teapot", "short and stout", "", byKey, "answered 418 Teapot: short and stout (request req-1)", nil},
		"proxy's answer": {407, "", "", "", byKey, "answered 407", nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("x-ms-request-id", "req-1")
				w.Header().Set("Content-Type", "application/xml")
				if c.code != "" {
					w.Header().Set("x-ms-error-code", c.code)
				}
				w.WriteHeader(c.status)
				fmt.Fprintf(w, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>%s</Message><AuthenticationErrorDetail>%s</AuthenticationErrorDetail></Error>", c.code, c.message, c.aux)
			}))
			defer server.Close()
			s, err := New(Options{
				URL:   server.URL + "/account/box?sv=1&sig=c2VjcmV0",
				Azure: azure.Options{Retry: policy.RetryOptions{RetryDelay: time.Millisecond, MaxRetryDelay: time.Millisecond}},
			})
			if err != nil {
				t.Fatal(err)
			}
			s.auth = c.auth
			_, err = s.Open(t.Context(), "a", 0, -1)
			se, ok := errors.AsType[*manifest.ServiceError](err)
			if !ok || se.RequestID != "req-1" || se.StatusCode != c.status || se.Code != c.code || se.Operation != "GetBlob" {
				t.Fatalf("%#v", err)
			}
			if !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v lacks %q", err, c.want)
			}
			if strings.Contains(err.Error(), "c2VjcmV0") || strings.ContainsAny(err.Error(), "\n\ufeff") {
				t.Errorf("%q", err)
			}
		})
	}
}

// Every operation that a SAS can lack permission for is explained.
func TestPermissionHints(t *testing.T) {
	s := &Store{auth: bySAS}
	for _, operation := range []string{"PutBlob", "PutBlock", "PutBlockList", "GetBlob", "GetBlobProperties", "ListBlobs", "DeleteBlob", "CreateContainer"} {
		if hint := s.hintPermission(operation); strings.Contains(hint, "permit ;") || !strings.Contains(hint, "does not permit") {
			t.Errorf("%s: %s", operation, hint)
		}
	}
}
