package main

import (
	"context"
	"fmt"
	"strings"

	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
	"cvarchive/remote/blobstore"
)

// protections says what the container does to keep what is in it, as far as the
// service tells, and whether that is what the config asks for.
func (d *diagnosing) protections(ctx context.Context, s vault.Store, v config.Vault) {
	b, ok := s.(*blobstore.Store)
	if !ok {
		return
	}
	p, err := b.Protections(ctx)
	if err != nil {
		d.note("vault", "protections", fmt.Sprintf("not known: %v", err), "")
		return
	}
	d.ok("vault", "protections", protectionsText(p))
	if !v.ImmutableFor.IsZero() {
		d.immutability(p, v)
	}
	if p.ContainerPolicy == blobstore.Yes || p.ContainerHold == blobstore.Yes {
		d.note("vault", "container policy", "a policy or legal hold is on the whole container, so that nothing in it can be pruned, nor the small notes of running work be deleted",
			"use version-level immutability and immutable_for instead")
	}
	if v.Tier == "archive" {
		d.note("vault", "archive tier", "images and models go where nothing is read, and deleting them within 180 days costs the rest of these",
			"cvarchive rehydrate brings back those of an archive, within hours")
	}
	if !v.CustomerKey.IsZero() {
		d.note("vault", "customer key", "the service cannot fetch images from the vault by itself, so that restores upload them from this machine",
			"keep the key: without it nothing can be read")
	}
}

// immutability compares what the config asks for with what the container can.
func (d *diagnosing) immutability(p blobstore.Protections, v config.Vault) {
	detail := "immutable_for: " + v.ImmutableFor.String()
	switch p.VersionImmutability {
	case blobstore.Yes:
		if v.ImmutableLocked {
			detail += ", locked: nobody can shorten it"
		}
		d.ok("vault", "immutability", detail)
	case blobstore.No:
		d.fail("vault", "immutability", fmt.Errorf("%s, and the container does not support version-level immutability; turn on versioning for the account, and make a container with it (az storage container-rm create --enable-vlw) or migrate this one (az storage container-rm migrate-vlw)", detail))
	default:
		d.note("vault", "immutability", detail+", and this credential may not ask whether the container supports it", "the first backup tells")
	}
}

func protectionsText(p blobstore.Protections) string {
	say := func(a blobstore.Answer, what string) string {
		return what + " " + map[blobstore.Answer]string{blobstore.Yes: "yes", blobstore.No: "no", blobstore.Unknown: "not known"}[a]
	}
	soft := say(p.SoftDelete, "soft delete")
	if p.SoftDelete == blobstore.Yes && p.SoftDeleteDays > 0 {
		soft += " (" + ui.Count(p.SoftDeleteDays, "day") + ")"
	}
	return strings.Join([]string{
		say(p.VersionImmutability, "version-level immutability"), soft, say(p.Versioning, "versioning"),
		say(p.ContainerPolicy, "container policy"), say(p.ContainerHold, "container legal hold"), say(p.Hierarchical, "hierarchical namespace"),
	}, ", ")
}
