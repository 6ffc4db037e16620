package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/urfave/cli/v2"

	"cvarchive/archive/seal"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/config"
	"cvarchive/manifest"
	"cvarchive/remote/azure"
	"cvarchive/remote/blobstore"
	"cvarchive/remote/customvision"
)

// client makes a client of a resource. Nothing is sent yet.
func (a *app) client(res config.Resource) (*customvision.Client, error) {
	o := customvision.Options{
		Name: res.Name, Endpoint: res.Endpoint, TrainingKey: res.TrainingKey,
		CallsPerSecond: res.CallsPerSecond, Version: toolVersion(), Logger: a.log,
	}
	if res.Entra {
		cred, err := entra(res.Identity)
		if err != nil {
			return nil, err
		}
		o.Credential = cred
	}
	client, err := customvision.New(o)
	if err != nil {
		return nil, usagef("%v", err) // nothing was sent: it is the settings
	}
	return client, nil
}

// entra signs in as the environment, the machine or the Azure CLI says, or only
// as the machine's managed identity. It sends nothing yet.
func entra(as config.Identity) (cred azcore.TokenCredential, err error) {
	if as.Managed {
		o := &azidentity.ManagedIdentityCredentialOptions{}
		if as.ClientID != "" {
			o.ID = azidentity.ClientID(as.ClientID)
		}
		cred, err = azidentity.NewManagedIdentityCredential(o)
	} else {
		cred, err = azidentity.NewDefaultAzureCredential(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the sign-in with Entra ID: %w", err)
	}
	return cred, nil
}

// sourceOf says what an archive remembers of a resource.
func sourceOf(res config.Resource, c *customvision.Client) manifest.Source {
	return manifest.Source{Name: res.Name, Endpoint: c.Endpoint(), APIVersion: customvision.APIVersion}
}

// openBlobStore opens a vault's container. Without a connection string or a
// SAS in the address, Entra ID signs in.
func (a *app) openBlobStore(v config.Vault) (vault.Store, error) {
	cred, err := entra(v.Identity)
	if err != nil {
		return nil, err
	}
	s, err := blobstore.New(blobstore.Options{
		URL: v.URL.Reveal(), ConnectionString: v.ConnectionString, Credential: cred, Rules: keepingRules(v),
		CustomerKey: v.CustomerKey, EncryptionScope: v.EncryptionScope,
		Azure: azure.Options{Version: toolVersion(), Logger: a.log},
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// keepingRules turns what the config says of tiers and immutability into rules
// for the places of a vault. Archives are read by every command, so they are
// never in the archive tier.
func keepingRules(v config.Vault) []blobstore.Rule {
	online := v.Tier
	if online == "archive" {
		online = ""
	}
	var immutableFor time.Duration
	if now := time.Now(); !v.ImmutableFor.IsZero() {
		immutableFor = v.ImmutableFor.After(now).Sub(now)
	}
	return []blobstore.Rule{
		{Prefix: "archives/", Tier: cmp.Or(v.ArchiveTier, online), ImmutableFor: immutableFor, Locked: v.ImmutableLocked},
		{Prefix: "objects/", Tier: v.Tier, ImmutableFor: immutableFor, Locked: v.ImmutableLocked},
		{Tier: online},
	}
}

// sealTo are who can open the export tokens of a new archive.
func (a *app) sealTo(c *cli.Context) (seal.Recipients, error) {
	f, err := a.config(c)
	if err != nil {
		return seal.Recipients{}, err
	}
	v, err := a.vaultConfig(c, f)
	return v.SealTo, err
}

// ensurer is a store whose place may have to be made first: a container.
type ensurer interface {
	Ensure(ctx context.Context) error
}
