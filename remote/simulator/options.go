package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Options say which resources a service has and how its time passes. The zero
// value of every field but Resources is usable.
type Options struct {
	// Resources are the Custom Vision resources (regions) of the process; at
	// least one.
	Resources []ResourceOptions

	// StateDir keeps projects and bytes from one run to the next: it is read
	// by [New] and written by [Service.Save] and [Service.Close]. Empty: all
	// is kept in memory and gone with the process.
	StateDir string

	// BaseURL is how clients reach the service, without a trailing slash,
	// such as http://127.0.0.1:8080. Image links and tokens begin with it.
	// Empty: taken from the Host of each request.
	BaseURL string

	// Now is the clock; nil means [time.Now]. [Service.Advance] moves on
	// from it.
	Now func() time.Time

	// ImportDuration and ImportPerImage say how long an import takes:
	// 50 ms and 1 ms by default. TrainDuration is the time of a training
	// (100 ms), ExportDuration that of a model export (50 ms). A negative
	// value means at once.
	ImportDuration, ImportPerImage, TrainDuration, ExportDuration time.Duration

	// LinkLife is the life of image links, TokenLife that of export tokens;
	// 24 hours both by default.
	LinkLife, TokenLife time.Duration

	// HTTPClient fetches the pictures of CreateImagesFromUrls. Nil: a client
	// with a timeout of 30 seconds.
	HTTPClient *http.Client
}

// Pricing tiers.
const (
	TierF0 = "F0"
	TierS0 = "S0"
)

// ResourceOptions describe one resource. Name and Key are needed.
type ResourceOptions struct {
	// Name is the first path element of the resource's endpoint, such as
	// "westeurope".
	Name string
	// Key is what Training-Key must say.
	Key string
	// BearerToken, if set, is accepted too, as Authorization: Bearer.
	BearerToken string
	// Tier is TierS0 (also when empty) or TierF0; it decides the limits.
	Tier string
	// CallsPerSecond is the rate limit of API calls, shared by all
	// operations, with a burst of one second, by the service's clock; 0
	// means none.
	CallsPerSecond float64
	// RetryAfter adds a Retry-After header to 429 answers; whether the real
	// service sends one is not known.
	RetryAfter bool

	// NoExport is a role that reads everything and may not ExportProject;
	// ReadOnly one that may not write at all.
	NoExport, ReadOnly bool
	// VNET makes every link a relative path that GetArtifact serves; blobs
	// are then not reachable directly.
	VNET bool
	// RetiredDomains are ids of domains that this resource no longer offers.
	RetiredDomains []string
	// ApplyToDuplicates adds the tags and regions of an uploaded duplicate
	// to the image that exists. What the real service does is not known;
	// by default they are ignored.
	ApplyToDuplicates bool
	// QuoteSourceURL puts sourceUrl in literal quotes, as clients have seen.
	QuoteSourceURL bool
	// ImportDropsMetadata lets imports come without image metadata; whether
	// the real service copies it is not known.
	ImportDropsMetadata bool
	// Limits overrides those of the tier, field by field.
	Limits Limits
}

// Limits are what a resource allows. Zero fields take the tier's value.
type Limits struct {
	Projects         int // projects of the resource: 2 on F0, 100 on S0
	ImagesPerProject int // 5,000 and 100,000
	TagsPerProject   int // 50 and 500
	Iterations       int // trained iterations of a project: 20
	MetadataPairs    int // metadata entries of an image: 50
	MetadataKey      int // characters of a metadata key: 256
	MetadataValue    int // characters of a metadata value: 512
}

// Limits that do not depend on the tier.
const (
	maxPage            = 256
	defaultPage        = 50
	maxBatch           = 64
	maxBatchTags       = 20
	maxImageTagBatch   = 128
	maxImageBytes      = 6 << 20
	maxRequestBytes    = 58 << 20 // more has been seen to time out with 408
	maxImageSide       = 10240
	maxAspect          = 25
	maxTagsPerImage    = 100
	maxRegionsPerImage = 300
)

func tierLimits(tier string) (Limits, error) {
	l := Limits{Iterations: 20, MetadataPairs: 50, MetadataKey: 256, MetadataValue: 512}
	switch tier {
	case TierF0:
		l.Projects, l.ImagesPerProject, l.TagsPerProject = 2, 5000, 50
	case TierS0, "":
		l.Projects, l.ImagesPerProject, l.TagsPerProject = 100, 100000, 500
	default:
		return l, fmt.Errorf("unknown tier %q: use %s or %s", tier, TierF0, TierS0)
	}
	return l, nil
}

// over returns l with the fields that are zero taken from base.
func (l Limits) over(base Limits) Limits {
	return Limits{
		Projects:         cmp.Or(l.Projects, base.Projects),
		ImagesPerProject: cmp.Or(l.ImagesPerProject, base.ImagesPerProject),
		TagsPerProject:   cmp.Or(l.TagsPerProject, base.TagsPerProject),
		Iterations:       cmp.Or(l.Iterations, base.Iterations),
		MetadataPairs:    cmp.Or(l.MetadataPairs, base.MetadataPairs),
		MetadataKey:      cmp.Or(l.MetadataKey, base.MetadataKey),
		MetadataValue:    cmp.Or(l.MetadataValue, base.MetadataValue),
	}
}

func (o *Options) applyDefaults() error {
	if len(o.Resources) == 0 {
		return errors.New("simulator: no resources given")
	}
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
	if o.Now == nil {
		o.Now = time.Now
	}
	for d, v := range map[*time.Duration]time.Duration{
		&o.ImportDuration: 50 * time.Millisecond, &o.ImportPerImage: time.Millisecond,
		&o.TrainDuration: 100 * time.Millisecond, &o.ExportDuration: 50 * time.Millisecond,
		&o.LinkLife: 24 * time.Hour, &o.TokenLife: 24 * time.Hour,
	} {
		*d = max(cmp.Or(*d, v), 0)
	}
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{Timeout: 30 * time.Second}
	}
	return nil
}

func (o *ResourceOptions) check() error {
	if o.Name == "" || strings.ContainsAny(o.Name, "/?#% ") || strings.HasPrefix(o.Name, "_") {
		return fmt.Errorf("simulator: resource name %q cannot be a path element", o.Name)
	}
	if o.Key == "" && o.BearerToken == "" {
		return fmt.Errorf("simulator: resource %s has no key", o.Name)
	}
	limits, err := tierLimits(o.Tier)
	if err != nil {
		return fmt.Errorf("simulator: resource %s: %w", o.Name, err)
	}
	o.Tier = cmp.Or(o.Tier, TierS0)
	o.Limits = o.Limits.over(limits)
	return nil
}
