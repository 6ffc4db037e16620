package blobstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

// Rule says how names are kept that begin with a prefix.
type Rule struct {
	Prefix string // below the store's folder; empty: every name
	// Tier is hot, cool, cold or archive; empty: the account's default. From
	// the archive tier nothing can be read until it was rehydrated.
	Tier string
	// ImmutableFor is how long at least nothing and nobody deletes or
	// changes a name; 0: no such policy is set. The container must support
	// version-level immutability. A policy is set for a quarter longer, so
	// that [Store.Extend] need not renew it each day.
	ImmutableFor time.Duration
	// Locked makes the policy one that nobody can shorten or remove, not
	// even the account's owner.
	Locked bool
}

// rule is a Rule as requests need it. The zero value sets nothing.
type rule struct {
	prefix       string
	tier         *blob.AccessTier
	immutableFor time.Duration
	mode         blob.ImmutabilityPolicySetting
}

func parseRules(list []Rule) (rules []rule, err error) {
	for _, r := range list {
		parsed := rule{prefix: r.Prefix, immutableFor: r.ImmutableFor, mode: blob.ImmutabilityPolicySettingUnlocked}
		if r.Locked {
			parsed.mode = blob.ImmutabilityPolicySettingLocked
		}
		if r.ImmutableFor < 0 {
			return nil, fmt.Errorf("the vault cannot be immutable for %s", r.ImmutableFor)
		}
		if parsed.tier, err = parseTier(r.Tier); err != nil {
			return nil, err
		}
		rules = append(rules, parsed)
	}
	return rules, nil
}

func parseTier(text string) (*blob.AccessTier, error) {
	if text == "" {
		return nil, nil
	}
	for _, tier := range []blob.AccessTier{blob.AccessTierHot, blob.AccessTierCool, blob.AccessTierCold, blob.AccessTierArchive} {
		if strings.EqualFold(text, string(tier)) {
			return &tier, nil
		}
	}
	return nil, fmt.Errorf("the vault's tier cannot be %q; use hot, cool, cold or archive", text)
}

// rule returns the one that holds for a name.
func (s *Store) rule(name string) rule {
	i := slices.IndexFunc(s.rules, func(r rule) bool { return strings.HasPrefix(name, r.prefix) })
	if i < 0 {
		return rule{}
	}
	return s.rules[i]
}

// setsPolicies reports whether any rule does.
func (s *Store) setsPolicies() bool {
	return slices.ContainsFunc(s.rules, func(r rule) bool { return r.immutableFor > 0 })
}

// policy is what a write sets; nil where it sets none.
func (r rule) policy(now time.Time) (*blob.ImmutabilityPolicySetting, *time.Time) {
	if r.immutableFor == 0 {
		return nil, nil
	}
	until := now.UTC().Add(r.immutableFor + r.immutableFor/4).Truncate(time.Second)
	return &r.mode, &until
}

// howToEnable is what a container needs for policies.
const howToEnable = "if the container does not support version-level immutability: turn on versioning for the account and make a container with version-level immutability support " +
	"(az storage container-rm create --enable-vlw; an existing one is migrated with az storage container-rm migrate-vlw), which an account with a hierarchical namespace does not have, or remove immutable_for"

// explain adds to the refusal of a write what its policy needs, where nothing
// better is known.
func (r rule) explain(err error) error {
	e, ok := errors.AsType[*manifest.ServiceError](err)
	if ok && r.immutableFor > 0 && e.Hint == "" && e.StatusCode >= 400 && e.StatusCode < 500 {
		e.Hint = howToEnable
	}
	return err
}

// stateOf reads what the service says of a blob.
func stateOf(tier *blob.AccessTier, status *blob.ArchiveStatus, until *time.Time, held *bool) (s store.State) {
	if until != nil {
		s.ImmutableUntil = until.UTC()
	}
	s.Held = held != nil && *held
	s.Offline = tier != nil && *tier == blob.AccessTierArchive
	s.Rehydrating = s.Offline && status != nil && strings.HasPrefix(string(*status), "rehydrate-pending")
	return s
}
