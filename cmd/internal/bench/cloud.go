package main

import (
	"context"

	"cvarchive/remote/blobstore/azurite"
)

// cloud is an emulated Blob Storage.
type cloud struct {
	server    *azurite.Server
	stop      func()
	wellKnown bool // it is where restic looks for one
}

// cloud starts one. The error is [azurite.ErrMissing] where there is none.
func (b *bench) cloud() (*cloud, error) {
	dir, err := b.folder("azurite")
	if err != nil {
		return nil, err
	}
	server, stop, err := azurite.Launch(dir, azurite.Options{WellKnown: true})
	if err == nil {
		return &cloud{server, stop, true}, nil
	}
	// Somebody else's may be there already.
	server, stop, err = azurite.Launch(dir, azurite.Options{})
	if err != nil {
		return nil, err
	}
	return &cloud{server, stop, false}, nil
}

// container makes a container and returns its address.
func (c *cloud) container(ctx context.Context) (string, error) { return c.server.NewContainer(ctx) }

// containers makes two.
func (c *cloud) containers(ctx context.Context) (first, second string, err error) {
	if first, err = c.container(ctx); err != nil {
		return "", "", err
	}
	second, err = c.container(ctx)
	return first, second, err
}

// env has the credential.
func (c *cloud) env() []string { return []string{connectionVariable + "=" + c.server.ConnectionString} }
