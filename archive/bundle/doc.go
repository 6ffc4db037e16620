// Package bundle puts an archive and all objects that it names into one
// portable file, for cold storage or to be handed over, and reads it in place.
//
// A bundle is a tar in frames of Zstandard like an archive, so that `tar --zstd
// -xf` unpacks it into the layout of a vault:
//
//	README
//	archives/<source>/<time>-<id>.tar.zst
//	objects/sha256/ab/abcdef….jpg            …
//	index                                    where each object is
//	bundle.json                              where the archive and the index are
//
// docs/format.md specifies it. [Write] makes one, [Open] reads one at any
// place: the archive as an [io.ReaderAt], objects by digest. [Unbundle] brings
// it into a vault.
//
// Memory does not grow with the number of objects, but for the set of those that
// were seen (package objectset). The writer sorts the index in a temporary file.
// The reader finds an object behind the one that was asked for before, where it
// is as a rule, and else by the index, of which it remembers where every 64 KiB
// start. Objects are read ahead while those before them are written, up to 32 of
// them and 32 MiB.
//
// Should two objects of an archive be taken for one, of which package objectset
// tells the chance, the second would not get into the bundle, or from a bundle
// into the vault. It is missing then for whoever reads it, and says so.
package bundle
