// Package azure holds what the two Azure clients of cvarchive share: the
// Custom Vision client (remote/customvision) and the Blob Storage client
// (remote/blobstore).
//
// A client of either kind starts with [CheckEndpoint] on the address that a
// user wrote, and builds its pipeline from [ClientOptions]:
//
//	azcore retry → … → log policy → bounded transport → net/http
//
// The transport ([NewHTTPClient], [ClientOptions]) bounds error bodies,
// follows redirects only where no credential can leak, and takes URLs out of
// errors. The log policy writes one line a try to a [log/slog.Logger].
//
// Nothing that leaves the package carries a key or a SAS signature:
// [RedactURL] keeps only query keys that are known to be harmless, [Scrub]
// does the same inside free text, and [Explain] turns the lack of an answer
// into a clause and a next step.
package azure
