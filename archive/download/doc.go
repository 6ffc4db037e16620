// Package download gets the bytes of images and models from the service, for
// the flows that store them (archive/backup, archive/repair).
//
// A [Downloader] reads the whole of what a [Link] points to into a [Body]: a
// body that breaks off is continued where it ended, a link that is refused or
// about to end is renewed. A Body hashes what comes, holds it in memory while
// it is small and in a temporary file when it is not, and refuses more than
// its limit. [Links] are those of images that were listed together, which are
// renewed with one call.
//
// Where the storage tells the MD5 of a body, it is compared: SHA-256 of what
// arrived does not tell whether something on the way changed it. Bodies in
// memory that are whole at about the same time are summed together, which
// takes a fraction of the processor time.
package download
