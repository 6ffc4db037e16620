// Package diff compares two inventories of one project: what an archive
// holds with what a resource holds, or two archives. It performs no I/O; the
// proof after a restore, the decision to skip what is already there, and
// `cvarchive diff` are this one comparison on different inputs.
//
// A [Side] is a project's settings, its tags and its images. Tags are matched
// by name. Images have no name that survives a restore, so they are compared
// as multisets: by content digest where both sides know it, otherwise by
// dimensions, tags, regions and metadata. Regions are equal within
// [Tolerance].
//
// A hundred thousand images need no two copies in memory: the wanted side is
// kept as one fingerprint an image, the other side streams past it, and only
// images that found no equal are held in full and paired for a readable
// answer.
//
// [Since] is the other comparison: of two states of one project of one
// resource, in which ids mean the same. It says what was renamed, retagged or
// moved rather than what is missing. [HistoryOf] gives a comparison by names
// the same form, for those who print them.
package diff
