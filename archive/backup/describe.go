package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cvarchive/manifest"
)

// state is what one pass over a project found: what the service says of it,
// and its images.
type state struct {
	tags          []manifest.Tag
	tagsErr       error
	iterations    []manifest.Iteration
	iterationsErr error
	export        manifest.Export
	exportErr     error
	expected      int // images of the workspace; -1: the service would not say
	countErr      error
	listing       listing

	// LastModified of the project, before it was described and after it was
	// listed; told says that the second was asked for and answered.
	before, after manifest.Timestamp
	told          bool
	project       *manifest.Project // as it was after the listing; nil: that was not told
	differs       bool              // from the pass before, if there was one
}

// describe asks for everything of a project but its images, all at once. It
// fails only with the context.
func (c *capture) describe(ctx context.Context) (*state, error) {
	s, src, id := &state{}, c.run.source, c.project.ID
	var asked sync.WaitGroup
	asked.Go(func() { s.tags, s.tagsErr = src.Tags(ctx, id, "") })
	asked.Go(func() { s.iterations, s.iterationsErr = src.Iterations(ctx, id) })
	s.export, s.exportErr = src.ExportProject(ctx, id)
	asked.Wait()
	if s.exportErr == nil {
		s.exportErr = c.run.tidyExport(&s.export)
	}
	s.expected = s.export.ImageCount
	if s.exportErr != nil {
		s.export = manifest.Export{State: manifest.TokenNone, Failure: new(exportFailure(s.exportErr))}
		if s.expected, s.countErr = src.ImageCount(ctx, id, ""); s.countErr != nil {
			s.expected = -1
		}
	}
	return s, ctx.Err()
}

// tidyExport fills in what is ours of an export record.
func (r *run) tidyExport(e *manifest.Export) error {
	if e.Requested == "" {
		e.Requested = manifest.Timestamp(r.opt.Now().UTC().Format(time.RFC3339))
	}
	if end, ok := manifest.TokenExpiry(e.Token.Reveal()); ok && e.Expires == "" {
		e.Expires = manifest.Timestamp(end.Format(time.RFC3339))
	}
	switch {
	case e.Token.IsZero():
		return errors.New("the service answered an export without a token")
	case r.opt.NoTokens:
		e.State, e.Token = manifest.TokenOmitted, manifest.Secret{}
	case !r.opt.SealTo.IsZero():
		sealed, err := r.opt.SealTo.SealText(e.Token)
		if err != nil {
			return fmt.Errorf("the export token could not be sealed, and is not kept: %w", err)
		}
		e.State, e.SealedToken, e.Token = manifest.TokenSealed, sealed, manifest.Secret{}
	default:
		e.State = manifest.TokenStored
	}
	_, err := manifest.EncodeExport(e)
	return err
}

// whileTraining is the service's code for an export that has to wait.
const whileTraining = "BadRequestExportWhileTraining"

// mayNotExport reports whether the credential lacks the right to export.
func mayNotExport(err error) bool {
	se, ok := errors.AsType[*manifest.ServiceError](err)
	return ok && se.StatusCode == 403
}

// isTraining reports whether a training keeps the project from being
// exported.
func isTraining(err error) bool {
	se, ok := errors.AsType[*manifest.ServiceError](err)
	return ok && se.Code == whileTraining
}

// exportFailure says why there is no token, and that the rest is there.
func exportFailure(err error) manifest.Failure {
	f := manifest.FailureOf("export token", err)
	switch {
	case mayNotExport(err):
		f.Message = fmt.Sprintf("this credential may not export, so there is no token and no export record to check against; everything else is captured; exporting takes the role Custom Vision Contributor (the service says: %s)", f.Message)
	case isTraining(err):
		f.Message = fmt.Sprintf("the project is being trained and cannot be exported meanwhile, so there is no token; everything else is captured; back up again when the training is done (the service says: %s)", f.Message)
	}
	return f
}

// trained counts the iterations that hold a model.
func (s *state) trained() (n int) {
	for i := range s.iterations {
		if s.iterations[i].Trained() {
			n++
		}
	}
	return n
}

// differences are the counts in which the capture and the service's own
// record do not agree.
func (s *state) differences() (list []manifest.Failure) {
	differ := func(item, by string, said, have int) {
		if said != have {
			list = append(list, manifest.Failure{
				Item: item, Code: "CountDiffers",
				Message: fmt.Sprintf("%s counted %d, the capture has %d", by, said, have),
			})
		}
	}
	if s.exportErr != nil {
		if s.expected >= 0 && s.listing.err == nil {
			differ("images", "GetImageCount", s.expected, s.listing.images)
		}
		return list
	}
	if s.listing.err == nil {
		differ("images", "ExportProject", s.export.ImageCount, s.listing.images)
		differ("regions", "ExportProject", s.export.RegionCount, s.listing.regions)
	}
	if s.tagsErr == nil {
		differ("tags", "ExportProject", s.export.TagCount, len(s.tags))
	}
	// Whether the untrained iteration counts is not documented.
	if s.iterationsErr == nil && s.export.IterationCount != s.trained() {
		differ("iterations", "ExportProject", s.export.IterationCount, len(s.iterations))
	}
	return list
}
