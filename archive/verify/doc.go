// Package verify proves that an archive is as it was written and that the
// vault has what it names.
//
// [Archive] checks, in this order:
//
//  1. the structure of the archive file: every frame, every member's digest
//     and size, the records, the counts, the digest of the object list (this
//     is [archive.Reader.Verify]);
//  2. that the vault has every object that a record names, with its size; or,
//     with [Options.ReadData], that the object's bytes are those of its
//     digest.
//
// What is wrong is collected in a [Report], each with the project and image
// it concerns and with what to do; the rest is checked all the same. An error
// is returned only when checking itself is not possible.
//
// [File] checks a file that lies outside of a vault, which is the first part
// only.
package verify
