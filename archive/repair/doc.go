// Package repair gets objects again that a vault has lost or that were
// damaged in it, from the live resource that they once came from.
//
// What is to be repaired comes from a verification (archive/verify): one
// [Item] for each record that names a bad object. [Run] looks at each object
// once more, asks the source for the image or model of each record in turn,
// first in the workspace and then in the trained iterations that exist today,
// and downloads its bytes. The bytes under an image id never change, so they
// must have the digest that the record names; bytes of any other digest are
// not stored, and the object is reported as lost. Nothing else can stand in
// for it: the same picture in another encoding has another digest.
//
// An object that is missing because somebody deleted it, from a store that keeps
// what was deleted for a while, is brought back by the store, and no source is
// asked for it.
//
// # Order of a replacement
//
// A vault is create-only, so that good bytes cannot be written over bad ones.
// They are downloaded whole and their digest is compared first; then the
// damaged object is deleted; then the good one is stored under its name and
// read back. From the deletion on a replacement is not interrupted. A crash
// in between leaves the object missing, which verify reports and another
// repair mends; a crash before leaves the damaged one. At no moment can a
// reader get wrong bytes for right ones, since readers check the digest.
//
// Archive files themselves cannot be had again from a source, which has
// changed since, and are not touched.
//
// # Memory
//
// A vault may have lost everything. The items wait in a temporary file, divided
// by the digests of their objects, so that all records of an object are together
// whichever project and archive they are of; some ten thousands are worked on at
// a time. No more items than that are held, and a few bytes for each page of
// the file. What became of an object is told when its part is done
// ([Options.Done]), and the report lists the first [MaxObjects] and counts all.
// A source that does not answer is given up for all parts.
package repair
