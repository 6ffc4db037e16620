package blobstore

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"cvarchive/manifest/store"
)

// ImmutableFor returns how long at least a name is protected when it is
// stored; 0: not at all.
func (s *Store) ImmutableFor(name string) time.Duration { return s.rule(name).immutableFor }

// Extend sets the immutability policy of a name anew, from now on, as its rule
// says (Set Blob Immutability Policy).
func (s *Store) Extend(ctx context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	r := s.rule(name)
	mode, until := r.policy(s.now())
	if mode == nil {
		return fmt.Errorf("protect %s: no rule says for how long", name)
	}
	if _, err := s.blob(name).SetImmutabilityPolicy(ctx, *until, &blob.SetImmutabilityPolicyOptions{Mode: mode}); err != nil {
		return fmt.Errorf("protect %s: %w", name, r.explain(s.explain("SetBlobImmutabilityPolicy", err)))
	}
	return nil
}

// SetHold puts a legal hold on a name, or takes it off (Set Blob Legal Hold).
// As long as it is held nothing deletes or changes it. Done again it changes
// nothing.
func (s *Store) SetHold(ctx context.Context, name string, held bool) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	if _, err := s.blob(name).SetLegalHold(ctx, held, nil); err != nil {
		err = rule{immutableFor: 1}.explain(s.explain("SetBlobLegalHold", err))
		return fmt.Errorf("hold %s: %w", name, err)
	}
	return nil
}

// DeleteUnchanged deletes a name as it was when it was looked at: one that was
// written or touched since is left alone and [store.ErrChanged]. The service
// decides, so that there is no moment between looking and deleting.
func (s *Store) DeleteUnchanged(ctx context.Context, seen store.Info) error {
	if err := store.CheckName(seen.Name); err != nil {
		return err
	}
	snapshots := blob.DeleteSnapshotsOptionTypeInclude
	since := seen.Modified
	_, err := s.blob(seen.Name).Delete(ctx, &blob.DeleteOptions{
		DeleteSnapshots:  &snapshots,
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfUnmodifiedSince: &since}},
	})
	switch {
	case hasCode(err, bloberror.ConditionNotMet):
		return fmt.Errorf("delete %s: %w", seen.Name, store.ErrChanged)
	case err != nil:
		return fmt.Errorf("delete %s: %w", seen.Name, s.explain("DeleteBlob", err))
	}
	return nil
}

// Rehydrate moves a name from the archive tier to another (Set Blob Tier),
// which takes hours: up to 15, at high priority mostly under one. Asked again it changes
// nothing, but for raising the priority.
func (s *Store) Rehydrate(ctx context.Context, name, tier string, high bool) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	to, err := parseTier(tier)
	if err != nil || to == nil || *to == blob.AccessTierArchive {
		return fmt.Errorf("rehydrate %s: to hot, cool or cold, not %q", name, tier)
	}
	priority := blob.RehydratePriorityStandard
	if high {
		priority = blob.RehydratePriorityHigh
	}
	if _, err := s.blob(name).SetTier(ctx, *to, &blob.SetTierOptions{RehydratePriority: &priority}); err != nil {
		return fmt.Errorf("rehydrate %s: %w", name, s.explain("SetBlobTier", err))
	}
	return nil
}
