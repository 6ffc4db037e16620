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
// The index is held in memory, some 60 bytes an object, by writer and reader.
// Objects are read ahead while those before them are written, up to 32 of them
// and 48 MiB.
package bundle
