// Package vault keeps archives and the objects they name in a [Store]: a
// folder (package dirstore) or a Blob container (package blobstore).
//
// # Layout
//
//	cvarchive.json                              the marker: format, version, id, created
//	archives/<source>/<UTC time>-<id>.tar.zst   one file per backup; .incomplete.tar.zst if it lost too much
//	objects/sha256/ab/abcdef….jpg               the bytes of one image or model
//	journal/<source>/<run>-<number>.jsonl       what a backup that is not finished has stored
//
// An object's name is its SHA-256, so equal bytes are stored once, whoever
// stores them. Everything is written create-only and never again: nothing in
// this package replaces a name. Files that are none of the above are left
// alone; [Vault.Strays] names those among the archives.
//
// # Encryption
//
// A vault that was made with [Keys] is encrypted: archives and objects to
// public keys, under names by a keyed hash, and what a backup has to know
// again, the index of each archive and the journal, to the vault's naming key.
// So a host with that key alone commits, lists, looks up and prunes
// ([Vault.OpenIndex], [Vault.HasObject], [Vault.Digest]), and only an identity
// opens archives and objects ([Vault.CanRead]). [Vault.Stored] is how the store
// knows an object. See docs/format.md for the layout.
//
// # Commit rule
//
// A backup first stores every object its records name, each durable when
// [Vault.PutObject] returns, and then the archive, with one create-only
// [Vault.CommitArchive]. An archive that is listed is therefore whole.
//
// A crash leaves,
//
//   - while an object is stored: the objects before it, and no part of this
//     one under its name (a folder may keep a hidden temporary file, which is
//     never listed and goes when a day old);
//   - between the objects and the archive: objects that no archive names. A
//     second run finds them and stores nothing twice;
//   - while the archive is stored: the same, since the archive is there as a
//     whole or not at all;
//   - after it: a finished backup.
//
// In every case the vault verifies. Two writers need no coordination: they
// create different archives, and an object that both create is the same
// object.
//
// # Journal
//
// An image's id does not tell its digest, so that only an archive could say
// which images need no download. Until there is one, a backup writes small
// segments that do ([Vault.WriteSegment]), each after the objects it names
// are durable. The next backup of the source reads them, so that one that was
// killed at any instant goes on where it was. Once an archive has what a
// segment names, the segment is deleted. A run deletes only segments that it
// wrote or read, so that runs at the same time do not disturb each other, and
// readers read the journal before they list archives, so that what is deleted
// meanwhile is in an archive they see.
//
// A journal is a saving and no promise: what it says is asked of the vault
// again, nothing else needs it, and all of it may be deleted at any time.
//
// # Reading
//
// [Vault.OpenObject] checks size and digest while it reads, so a reader that
// got [io.EOF] got the archived bytes. [Vault.OpenArchive] gives an
// [io.ReaderAt] over range reads with a small cache, so that an archive on
// Blob Storage opens with a handful of requests and a single project is read
// without the rest. [Vault.Resolve] turns what a person types into an
// [Archive].
package vault
