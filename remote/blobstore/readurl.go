package blobstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"cvarchive/manifest"
	"cvarchive/manifest/store"
	"cvarchive/remote/azure"
)

const (
	// clockSkew is how far the service's clock may be behind this machine's
	// for a signed URL to work at once.
	clockSkew = 15 * time.Minute
	// maxDelegation is how long a user delegation key may live.
	maxDelegation = 7 * 24 * time.Hour
	// keepDelegation is how long one such key signs URLs.
	keepDelegation = time.Hour
)

// ErrCannotSign says that a store that was opened with a SAS cannot make
// another one: its own permits more, for longer.
var ErrCannotSign = errors.New("a vault that is opened with a SAS cannot hand out links to single objects; use a connection string with the account key, or Entra ID")

// ReadURL returns a URL that reads one name and nothing else until ttl has
// passed: for the service to fetch an image by itself. With an account key it
// is signed here; with Entra ID by a user delegation key, for which the
// identity needs the role Storage Blob Delegator (Storage Blob Data
// Contributor on the account has it) and which costs a request an hour. The
// latter works where the account's name begins the host name, as in Azure.
func (s *Store) ReadURL(ctx context.Context, name string, ttl time.Duration) (manifest.Secret, error) {
	if err := store.CheckName(name); err != nil {
		return manifest.Secret{}, err
	}
	if s.cpk != nil {
		return manifest.Secret{}, errCustomerKey
	}
	if ttl <= 0 || ttl > maxDelegation-keepDelegation {
		return manifest.Secret{}, fmt.Errorf("a link cannot live for %s; at most 6 days", ttl)
	}
	now := time.Now().UTC()
	values := sas.BlobSignatureValues{
		Protocol: sas.ProtocolHTTPS, Permissions: (&sas.BlobPermissions{Read: true}).String(),
		StartTime: now.Add(-clockSkew), ExpiryTime: now.Add(ttl),
		ContainerName: s.where.container, BlobName: s.where.prefix + name,
	}
	if s.where.account.Scheme == "http" { // a loopback address
		values.Protocol = sas.ProtocolHTTPSandHTTP
	}
	query, err := s.signer.sign(ctx, values, ttl)
	if err != nil {
		return manifest.Secret{}, fmt.Errorf("make a link to %s: %w", name, s.explainSigning(err))
	}
	return manifest.NewSecret(s.blob(name).URL() + "?" + query), nil
}

func (s *Store) explainSigning(err error) error {
	if errors.Is(err, ErrCannotSign) {
		return err
	}
	return s.explain("GetUserDelegationKey", err)
}

// signer signs links; the zero value cannot.
type signer struct {
	key    *container.SharedKeyCredential
	client *service.Client // of the account, by Entra ID

	mu         sync.Mutex
	delegation *service.UserDelegationCredential
	until      time.Time // when delegation is renewed
	expires    time.Time // when it ends
}

// newDelegator signs by Entra ID.
func newDelegator(where address, credential azcore.TokenCredential, o azure.Options) (*signer, error) {
	client, err := service.NewClient(where.account.String(), credential, &service.ClientOptions{ClientOptions: azure.ClientOptions(o)})
	if err != nil {
		return nil, err
	}
	return &signer{client: client}, nil
}

func (s *signer) sign(ctx context.Context, values sas.BlobSignatureValues, ttl time.Duration) (string, error) {
	switch {
	case s.key != nil:
		query, err := values.SignWithSharedKey(s.key)
		return query.Encode(), err
	case s.client != nil:
		credential, err := s.delegate(ctx, ttl)
		if err != nil {
			return "", err
		}
		query, err := values.SignWithUserDelegation(credential)
		return query.Encode(), err
	}
	return "", ErrCannotSign
}

// delegate returns a key that outlives a link of the given life.
func (s *signer) delegate(ctx context.Context, ttl time.Duration) (*service.UserDelegationCredential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC()
	if s.delegation != nil && now.Before(s.until) && now.Add(ttl).Before(s.expires) {
		return s.delegation, nil
	}
	start := now.Add(-clockSkew).Format(sas.TimeFormat)
	expires := now.Add(ttl + keepDelegation)
	expiry := expires.Format(sas.TimeFormat)
	credential, err := s.client.GetUserDelegationCredential(ctx, service.KeyInfo{Start: &start, Expiry: &expiry}, nil)
	if err != nil {
		return nil, err
	}
	s.delegation, s.until, s.expires = credential, now.Add(keepDelegation), expires
	return credential, nil
}
