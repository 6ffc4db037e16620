package backup

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"cvarchive/manifest"
)

// Did the project change while it was listed? What tells are the counts of
// the service, the list itself where its pages overlap, and the project's
// lastModified; and, where these are not enough, a second listing.

// clockSlack is how far apart the clocks of a service's machines may be.
const clockSlack = time.Minute

// trust is whether lastModified tells of every change. Nobody promises that
// it does, so that it is believed only as long as nothing contradicts it.
type trust struct{ broken atomic.Bool }

// lookBack asks for the project again, when its listing took more than the one
// moment of a page. It is for the end of the listing, while the last images are
// still downloaded, and leaves the answer in the state.
func (c *capture) lookBack(ctx context.Context) {
	s := c.state
	if s.listing.err != nil || s.listing.pages < 2 {
		return
	}
	p, err := c.run.source.Project(ctx, c.project.ID)
	if err == nil {
		if _, err = manifest.EncodeProject(&p); err == nil && !strings.EqualFold(p.ID, c.project.ID) {
			err = fmt.Errorf("the answer is about project %s", p.ID)
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			c.warn("whether the project changed while it was listed could not be asked: %v", err)
		}
		return
	}
	s.after, s.told = p.LastModified, p.LastModified != ""
	p.ID = c.project.ID // as it was spelled first
	s.project = &p
}

// settled reports whether another pass would be of no use: the project is as
// it was at some moment, or its listing failed anyway.
func (c *capture) settled(previous *state) bool {
	s := c.state
	if s.listing.err != nil {
		return true
	}
	if previous != nil {
		if s.differs = !s.equal(previous); !s.differs {
			return true
		}
	}
	if why := s.untold(previous); why != "" {
		c.distrust(why)
	}
	if len(s.signs()) > 0 || c.run.opt.ListTwice {
		return false
	}
	return s.listing.pages < 2 || s.told && !c.run.trust.broken.Load()
}

// signs says what changed during a pass; nothing, when it was quiet.
func (s *state) signs() (list []string) {
	if s.told && s.after != s.before {
		list = append(list, fmt.Sprintf("lastModified went from %s to %s", s.before, s.after))
	}
	if s.listing.disturbed() {
		list = append(list, "images slipped from one page to the next")
	}
	if s.tagsErr == nil && !s.listing.labels.agree(s.tags) {
		list = append(list, "the images do not carry the tags that the list of tags gives")
	}
	for _, f := range s.differences() {
		list = append(list, f.Item+": "+f.Message)
	}
	return list
}

// unsettled says why the last pass was not believed.
func (s *state) unsettled() []string {
	list := s.signs()
	if s.differs {
		list = append(list, "the last two listings differ")
	}
	if len(list) == 0 {
		list = append(list, "nothing says that the last listing is of one moment")
	}
	return list
}

// untold says what happened that lastModified did not tell of; "" when there
// is nothing.
func (s *state) untold(previous *state) string {
	modified, err := s.after.Time()
	newest := s.listing.labels.newest
	switch {
	case !s.told:
		return ""
	case err == nil && newest.After(modified.Add(clockSlack)):
		return fmt.Sprintf("it is %s, and an image, or a tag or region of one, was created at %s", s.after, newest.Format(time.RFC3339))
	case s.after == s.before && s.listing.disturbed():
		return "it stayed while the list of images moved"
	case previous != nil && previous.told && previous.before == previous.after && previous.after == s.after && s.differs:
		return "it stayed between two listings that differ"
	}
	return ""
}

// distrust makes the rest of the run list projects twice.
func (c *capture) distrust(why string) {
	if c.run.trust.broken.CompareAndSwap(false, true) {
		c.warn("the service's lastModified does not tell of every change (%s), so that projects of more than %d images are listed twice", why, manifest.MaxPage)
	}
}

// equal reports whether two passes in a row found the same.
func (s *state) equal(previous *state) bool {
	return s.listing.fresh == 0 && s.listing.labels.equal(previous.listing.labels) &&
		s.expected == previous.expected && s.listing.images == previous.listing.images &&
		sameTags(s.tags, previous.tags) && slices.EqualFunc(s.iterations, previous.iterations, sameIteration) &&
		s.export.TagCount == previous.export.TagCount && s.export.RegionCount == previous.export.RegionCount &&
		s.export.IterationCount == previous.export.IterationCount
}

func sameTags(a, b []manifest.Tag) bool {
	x, errX := manifest.EncodeTags(a)
	y, errY := manifest.EncodeTags(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func sameIteration(a, b manifest.Iteration) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Status == b.Status && a.TrainedAt == b.TrainedAt
}
