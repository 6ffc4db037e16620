package restore

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// Links hands out links to objects, by which the service can fetch them; a
// vault in Blob Storage does.
type Links interface {
	// ObjectURL returns a URL that reads the object and nothing else
	// until ttl has passed. It is a secret.
	ObjectURL(ctx context.Context, o manifest.Object, ttl time.Duration) (manifest.Secret, error)
}

// Transfer says how image bytes are to travel.
type Transfer string

// Ways to choose from.
const (
	// TransferAuto is by URL where the vault hands out links that the
	// service may be able to use, and by upload otherwise and for batches
	// that the service cannot fetch.
	TransferAuto   Transfer = "auto"
	TransferURL    Transfer = "url"
	TransferUpload Transfer = "upload"
)

// linkLife is the life of a link: a call is answered in minutes.
const linkLife = time.Hour

// chooseTransfer decides how the plan moves bytes. Signing a link for an
// object that need not exist tells whether links can be had.
func chooseTransfer(ctx context.Context, opt Options) (plan.Transfer, error) {
	if opt.Transfer == TransferUpload {
		return plan.TransferUpload, nil
	}
	must := opt.Transfer == TransferURL
	if opt.Links == nil {
		if must {
			return "", fmt.Errorf("transfer by URL needs a vault in Blob Storage; use --transfer upload")
		}
		return plan.TransferUpload, nil
	}
	link, err := opt.Links.ObjectURL(ctx, manifest.Object{SHA256: manifest.Digest{1}, Ext: "jpg"}, linkLife)
	switch {
	case err != nil && must:
		return "", fmt.Errorf("transfer by URL: %w", err)
	case err != nil:
		opt.Logger.Debug("no links to objects, images are uploaded", "error", err)
		return plan.TransferUpload, ctx.Err()
	case !must && !reachable(link.Reveal(), opt.Target.Endpoint):
		return plan.TransferUpload, nil
	}
	return plan.TransferURL, nil
}

// noteEncrypted says why images are uploaded that the service could fetch by
// itself, were the vault not encrypted.
func noteEncrypted(p *plan.Plan, opt Options) {
	v, ok := opt.Links.(interface{ Encrypted() bool })
	if !ok || !v.Encrypted() || opt.Transfer == TransferUpload {
		return
	}
	for i := range p.Projects {
		if pp := &p.Projects[i]; pp.Transfer == plan.TransferUpload && pp.Action.Writes() {
			pp.Notes = append(pp.Notes, plan.Note{What: "transfer", Reason: "the vault is encrypted, so that every image is uploaded through this machine"})
		}
	}
}

// reachable reports whether a service may reach a host: one of this machine
// or of a private network only if it is there itself.
func reachable(link, endpoint string) bool {
	return !private(link) || private(endpoint)
}

func private(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return true
	}
	host := strings.ToLower(u.Hostname())
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || !strings.Contains(host, ".") && !strings.Contains(host, ":") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast())
}

// fetching is how transfer by URL has gone so far. The uploader's lock guards
// it.
type fetching struct {
	on     bool // batches go by URL
	worked bool // something was fetched
	warned bool
}

// byURL has the service fetch a batch, and returns what is left to upload:
// all of it when transfer is not by URL.
func (u *uploader) byURL(ctx context.Context, part []*upload) (rest []*upload, err error) {
	u.mu.Lock()
	on := u.fetches.on
	u.mu.Unlock()
	if !on {
		return part, nil
	}
	f := &fetch{u: u, must: u.job.opt.Transfer == TransferURL}
	if err := inParts(ctx, part, f.send, f.refused); err != nil {
		return nil, err
	}
	if len(f.rest) > 0 {
		u.fallBack(f.rest, len(f.rest) == len(part))
	}
	return f.rest, nil
}

// fallBack notes that images are uploaded after all. When the service could
// fetch nothing of the first batches, the others are not tried.
func (u *uploader) fallBack(rest []*upload, all bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fellBack += len(rest)
	if all && !u.fetches.worked {
		u.fetches.on = false
	}
	if !u.fetches.warned {
		u.fetches.warned = true
		u.job.opt.Progress.Send(progress.Event{
			Kind: progress.Warning, Project: u.job.plan.Name,
			Message: "the service cannot fetch some images from the vault; they are uploaded",
		})
	}
}

// fetch is one batch by URL.
type fetch struct {
	u    *uploader
	must bool // never upload
	rest []*upload
}

// send makes one CreateImagesFromUrls call. Its URLs are secrets; they tell
// the results apart and go nowhere else.
func (f *fetch) send(ctx context.Context, part []*upload) error {
	urls := make(map[*upload]string, len(part))
	var have []*upload
	for _, up := range part {
		link, err := f.u.job.opt.Links.ObjectURL(ctx, up.object, linkLife)
		if err != nil {
			f.refused(up, fmt.Errorf("make a link to its bytes: %w", err))
			continue
		}
		urls[up] = link.Reveal()
		have = append(have, up)
	}
	if len(have) == 0 {
		return ctx.Err()
	}
	b := batchOf(have)
	for i, up := range have {
		b.Images[i].URL = manifest.NewSecret(urls[up])
	}
	sum, err := f.u.job.target.CreateImagesFromURLs(ctx, f.u.projectID, b)
	if err != nil {
		return err
	}
	results := matchResults(have, sum.Images, func(up *upload) string { return urls[up] })
	f.setAside(have, results)
	again, err := f.u.sort(ctx, have, results)
	if err == nil && len(again) > 0 {
		err = inParts(ctx, again, f.send, f.refused)
	}
	return err
}

// setAside takes out, by emptying their places, the images that the service
// could not fetch: they are uploaded instead.
func (f *fetch) setAside(part []*upload, results []*manifest.ImageCreateResult) {
	for i, r := range results {
		switch {
		case r == nil:
		case r.Status == "ErrorSource" && !f.must:
			f.rest = append(f.rest, part[i])
			part[i] = nil
		case r.Status == manifest.ImageOK, r.Status == manifest.ImageOKDuplicate:
			f.u.mu.Lock()
			f.u.fetches.worked = true
			f.u.mu.Unlock()
		}
	}
}

// refused is an image whose call alone is refused, or that no link can be
// made to.
func (f *fetch) refused(up *upload, err error) {
	if f.must {
		f.u.failed(up.id, err)
		return
	}
	f.rest = append(f.rest, up)
}
