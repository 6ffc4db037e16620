// Package archive reads and writes the archive file of cvarchive: one
// immutable, self-describing file a backup, specified in docs/format.md.
//
// The file is a plain tar in the Zstandard seekable format, so `tar --zstd`
// reads it, and so does [Reader] through any [io.ReaderAt] with a few reads:
//
//	README
//	projects/<id>/project.json      settings            ┐ one frame or more,
//	projects/<id>/tags.json                             │ read together
//	projects/<id>/iterations.json                       │
//	projects/<id>/export.json       counts and token    ┘
//	projects/<id>/images.jsonl      one record a line   starts a frame
//	…
//	manifest.json                   the index           starts a frame
//
// followed by a skippable frame with the SHA-256 of all that precedes it and
// by the seek table. [Writer] takes the image records of several projects at
// once through [Spool]s, since their number and size must be known before
// they can enter the tar. Memory stays flat on both sides.
//
// Nothing of a file is believed before it is checked: sizes are bounded
// before anything is allocated for them, every member's digest is compared,
// records are validated. What is wrong comes as [ErrNotArchive],
// [*manifest.VersionError] or [*CorruptError]; an error that is none of
// these is one of reading, and may go away.
package archive
