// Package verify proves that archives are as they were written and that the
// vault has what they name.
//
// [Archive] checks one archive; a [Pass] checks several of the same vault, one
// after the other, and looks at no object twice. In this order:
//
//  1. the structure of the archive file: every frame, every member's digest
//     and size, the records, the counts, the digest of the object list (this
//     is [archive.Reader.Verify]);
//  2. that the archive is the one of its name, and that the parent that it
//     names is, if the vault still has it, the file it was when this archive
//     was made: an archive that was rewritten with care agrees with itself,
//     and not with its child. A parent that is not there is a note, since
//     archives are pruned and copied singly and each is complete in itself;
//  3. that the archive has the signature of one of [Options.Signers], if
//     there are any; a signature that is there has to be right in any case;
//  4. that the vault has every object that a record names, with its size; or,
//     with [Options.ReadData] for all of them and with [Options.Sample] for
//     some, that the object's bytes are those of its digest.
//
// What is wrong is a [Problem], which names the archive, the project, the
// image or model and the object, and says what to do; the rest is checked all
// the same. An error is returned only when checking itself is not possible.
//
// Reading a large vault takes long. A [Journal] remembers on disk which
// objects have been read and were sound, so that a pass which is stopped, in
// whatever way, goes on instead of beginning again.
//
// Memory grows by some eight bytes for each object that is looked at.
//
// [File] checks a file that lies outside of a vault, which is the first part
// only.
//
// An object is remembered by 8 bytes of a digest ([objectset.Table]), 75 MB for
// ten million. Two that agree in them would be taken for one, and the second not
// looked at.
package verify
