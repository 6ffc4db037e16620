// Package retain deletes what a policy does not keep: archives, and then the
// objects that no archive names any more.
//
// [Policy] says what to keep, in the words of restic; [Decide] applies it, a
// pure function; [Run] carries it out. The newest whole archive of each source
// is kept whatever the policy says, unless [Policy.EvenNewest] is set.
//
// # Safe beside others
//
// There is no lock. A backup stores objects first and its archive last, a
// restore reads for hours, and either may run while archives are pruned. What
// makes that safe is a grace period G, longer than any of them takes:
//
//   - An archive that goes is copied to pruned/ first and kept there for G.
//     As long as it is, its objects stay: a backup that began to build on it,
//     or a restore that reads it, finds them. Journals of unfinished backups
//     go the same way. An archive of which a restore is under way (it left
//     notes within G) is not pruned at all.
//   - An object is deleted only when it was stored, or found there and relied
//     on by a writer ([vault.Vault.KeepObject]), longer than G ago.
//   - Archives, journals and pruned/ are listed again before each batch of
//     objects is deleted, and what appeared is read; the age of each object is
//     asked again right before, and it is deleted on the condition that it has
//     not been touched since ([vault.Vault.DeleteUnchanged]): either a writer's
//     touch comes first and the object stays, or the deletion does and the
//     writer finds it gone and stores it again. Blob Storage decides that in the
//     deletion itself, a folder under a lock on the file. (Where there are no such
//     locks, on Windows and some network file systems, and for objects in the
//     archive tier, which cannot be touched so that a note stands for it, a
//     moment of one call remains.)
//
// So whatever an archive comes to name, within G of when its writer first
// relied on it, is there. Times are those of the store, so that a wrong clock
// of this machine deletes nothing.
//
// With G of zero all of that falls away: for vaults that nothing else uses at
// the time.
//
// # Protected
//
// What an immutability policy or a legal hold protects stays, with its archive,
// and the report says until when.
//
// # Killed
//
// Archives go first, and each file with one delete, so that at any instant
// every archive that is listed has its objects. What is left over is no
// archive's, and the next run finds it. So are the unfinished files of writers
// that were killed, in a vault in a folder, which go when they are a day old.
//
// An archive that cannot be read might name any object: then none is deleted,
// and the report says which archive it is.
//
// # Memory
//
// An object is remembered by 8 bytes of its digest ([objectset.Set]): 64 MB
// for ten million that are named. A chance agreement would keep an object that
// could go, and never delete one. Of more than eleven million only those are
// remembered whose digests lie in a window, objects being listed in the order of
// their digests; what names objects is read again for each window.
package retain
