package blobstore

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"cvarchive/manifest"
	"cvarchive/remote/azure"
)

// Answer is what the service tells about something: yes, no, or nothing.
type Answer string

// Answers; nothing is told where the credential may not ask.
const (
	Unknown Answer = ""
	Yes     Answer = "yes"
	No      Answer = "no"
)

func answer(b *bool) Answer {
	switch {
	case b == nil:
		return Unknown
	case *b:
		return Yes
	}
	return No
}

// Protections is what a container and its account do to keep what is in them.
type Protections struct {
	VersionImmutability Answer // policies and holds on single blobs are possible
	ContainerPolicy     Answer // a policy on the whole container, which keeps anything in it from being pruned
	ContainerHold       Answer // a legal hold on the whole container
	Versioning          Answer // what is overwritten or deleted stays as an older version
	SoftDelete          Answer // deleted blobs are kept for a while
	SoftDeleteDays      int    // how long
	Hierarchical        Answer // the account has folders, and no version-level immutability
}

// Protections asks the container and the account (Get Container Properties, Get
// Blob Properties of the first blob, Get Blob Service Properties, Get Account Information). What this credential
// may not ask stays [Unknown]; an error is one of the container itself.
func (s *Store) Protections(ctx context.Context) (p Protections, err error) {
	c, err := s.client.GetProperties(ctx, nil)
	if err != nil {
		if err = s.explain("GetContainerProperties", err); !manifest.IsForbidden(err) {
			return p, err
		}
	} else {
		p.VersionImmutability = answer(c.IsImmutableStorageWithVersioningEnabled)
		p.ContainerPolicy, p.ContainerHold = answer(c.HasImmutabilityPolicy), answer(c.HasLegalHold)
	}
	// That blobs have versions is told by a blob alone; any will do.
	for info, err := range s.List(ctx, "") {
		if err == nil {
			if blob, err := s.blob(info.Name).GetProperties(ctx, s.properties()); err == nil {
				p.Versioning = answer(new(blob.VersionID != nil && *blob.VersionID != ""))
			}
		}
		break
	}
	account, err := s.account()
	if err != nil {
		return p, err
	}
	if info, err := account.GetAccountInfo(ctx, nil); err == nil {
		p.Hierarchical = answer(info.IsHierarchicalNamespaceEnabled)
	}
	if properties, err := account.GetProperties(ctx, nil); err == nil && properties.DeleteRetentionPolicy != nil {
		policy := properties.DeleteRetentionPolicy
		p.SoftDelete = answer(policy.Enabled)
		if policy.Days != nil {
			p.SoftDeleteDays = int(*policy.Days)
		}
	}
	return p, ctx.Err()
}

// account is a client of the storage account, with the store's credential.
func (s *Store) account() (*service.Client, error) {
	if s.signer.client != nil {
		return s.signer.client, nil
	}
	options := &service.ClientOptions{ClientOptions: azure.ClientOptions(s.azure)}
	target := s.where.account.String()
	if s.signer.key != nil {
		return service.NewClientWithSharedKeyCredential(target, s.signer.key, options)
	}
	return service.NewClientWithNoCredential(target+"/?"+s.sas, options)
}
