package blobstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"cvarchive/manifest"
	"cvarchive/manifest/store"
	"cvarchive/remote/azure"
)

// Options say where a vault is and how to reach it.
type Options struct {
	// URL of the container, a folder in it, possibly with a SAS; with a
	// connection string also just "container" or "container/folder".
	URL string
	// ConnectionString of the storage account.
	ConnectionString manifest.Secret
	// Credential of Entra ID; used when there is neither a connection
	// string nor a SAS.
	Credential azcore.TokenCredential
	// Rules say how names are kept that begin in a certain way. The first
	// that fits a name holds; what none fits is kept as the account does.
	Rules []Rule
	// CustomerKey encrypts everything, in place of the account's key: 32
	// bytes in base64. Requests carry it, so the address must be https; who
	// does not have it reads nothing, and links to single blobs cannot be
	// handed out.
	CustomerKey manifest.Secret
	// EncryptionScope of the account with which what is written is
	// encrypted; empty: the container's default.
	EncryptionScope string
	// Now tells the time from which policies run; nil: [time.Now].
	Now func() time.Time
	// SingleShot is the largest body that is sent with one request, in
	// bytes; 0: 64 MiB.
	SingleShot int64
	// Azure shapes the pipeline: version, logger, transport, retries.
	Azure azure.Options
}

const (
	defaultSingleShot = 64 << 20
	maxSingleShot     = 256 << 20 // what the client library sends at once
)

// Store is a container, or a folder of one, as the store of a vault.
type Store struct {
	where      address
	client     *container.Client
	auth       authKind
	signer     *signer
	rules      []rule
	cpk        *blob.CPKInfo
	scope      *blob.CPKScopeInfo
	now        func() time.Time
	singleShot int64
	azure      azure.Options // for clients of the account
	sas        string
}

// New returns the store at an address. It sends nothing yet: a wrong key or
// name shows with the first call.
func New(o Options) (*Store, error) {
	var conn *connection
	if text := o.ConnectionString.Reveal(); text != "" {
		c, err := parseConnection(text)
		if err != nil {
			return nil, err
		}
		conn = &c
	}
	where, err := locate(o.URL, conn)
	if err != nil {
		return nil, err
	}
	s := &Store{where: where, now: o.Now, singleShot: o.SingleShot, azure: o.Azure}
	if s.now == nil {
		s.now = time.Now
	}
	if s.rules, err = parseRules(o.Rules); err != nil {
		return nil, err
	}
	if err := s.encryption(o); err != nil {
		return nil, err
	}
	if s.singleShot <= 0 {
		s.singleShot = defaultSingleShot
	}
	s.singleShot = min(s.singleShot, maxSingleShot)
	if err := s.connect(conn, o); err != nil {
		return nil, err
	}
	return s, nil
}

// authKind is how the store proves who it is; hints differ by it.
type authKind int

const (
	byKey authKind = iota
	bySAS
	byEntra
)

// connect builds the client with the credential at hand.
func (s *Store) connect(conn *connection, o Options) (err error) {
	options := &container.ClientOptions{ClientOptions: azure.ClientOptions(o.Azure)}
	target := s.where.containerURL()
	sas := s.where.sas
	if conn != nil && conn.key == "" {
		sas = conn.sas
	}
	s.signer = &signer{}
	switch {
	case conn != nil && conn.key != "":
		s.auth = byKey
		key, err := container.NewSharedKeyCredential(conn.name, conn.key)
		if err != nil { // the cause may quote the key
			return fmt.Errorf("the account key in the vault's connection string is not base64; %s", connectionHint)
		}
		s.signer.key = key
		s.client, err = container.NewClientWithSharedKeyCredential(target, key, options)
		return err
	case sas != "":
		s.auth, s.sas = bySAS, sas
		s.client, err = container.NewClientWithNoCredential(target+"?"+sas, options)
		return err
	case o.Credential != nil:
		s.auth = byEntra
		credential := azure.Credential(o.Credential)
		if s.signer, err = newDelegator(s.where, credential, o.Azure); err != nil {
			return err
		}
		s.client, err = container.NewClient(target, credential, options)
		return err
	}
	return fmt.Errorf("there is no credential for the vault %s; give it a connection string, a SAS in its address, or Entra ID", s.where)
}

// String returns the address without a SAS.
func (s *Store) String() string { return s.where.String() }

// Ensure makes the container unless it exists. A credential that may not look
// or create containers gets a [*manifest.ServiceError]; the container may be
// there all the same.
func (s *Store) Ensure(ctx context.Context) error {
	_, err := s.client.Create(ctx, nil)
	if err == nil || bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return nil
	}
	err = s.explain("CreateContainer", err)
	if !manifest.IsForbidden(err) {
		return err
	}
	// A SAS for a container can never create it. Is it there already?
	for _, listErr := range s.List(ctx, "") {
		if listErr != nil {
			return err
		}
		break
	}
	return nil
}

// blob returns the client of one name.
func (s *Store) blob(name string) *blockblob.Client {
	return s.client.NewBlockBlobClient(s.where.prefix + name)
}

// Delete implements the store of a vault.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	snapshots := blob.DeleteSnapshotsOptionTypeInclude
	_, err := s.blob(name).Delete(ctx, &blob.DeleteOptions{DeleteSnapshots: &snapshots})
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, s.explain("DeleteBlob", err))
	}
	return nil
}

// Stat implements the store of a vault.
func (s *Store) Stat(ctx context.Context, name string) (store.Info, error) {
	if err := store.CheckName(name); err != nil {
		return store.Info{}, err
	}
	p, err := s.blob(name).GetProperties(ctx, s.properties())
	if err != nil {
		return store.Info{}, fmt.Errorf("look for %s: %w", name, s.explain("GetBlobProperties", err))
	}
	info := store.Info{Name: name}
	if p.ContentLength != nil {
		info.Size = *p.ContentLength
	}
	if p.LastModified != nil {
		info.Modified = p.LastModified.UTC()
	}
	info.State = stateOf((*blob.AccessTier)(p.AccessTier), (*blob.ArchiveStatus)(p.ArchiveStatus), p.ImmutabilityPolicyExpiresOn, p.LegalHold)
	return info, nil
}

// hasCode is bloberror.HasCode for a list.
func hasCode(err error, codes ...bloberror.Code) bool {
	re, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && slices.Contains(codes, bloberror.Code(re.ErrorCode))
}
