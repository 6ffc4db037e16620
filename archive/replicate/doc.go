// Package replicate copies archives and their objects from one vault to
// another.
//
// Objects go first and the archive last, under the same name, so that the
// commit rule of vaults holds in the target too, and the oldest archive goes
// first, so that one is there before those that build on it. Everything passes
// through this machine, and is checked on the way: an object's bytes against
// its digest when they are read and when they are stored, an archive against
// its own digests before, and byte by byte with what was stored after.
//
// Only what is missing is copied. A [Pass] lists the objects of the target
// once, and looks at no object twice. An archive that is there already is
// compared, and those of its objects that are missing are copied, so that a
// copy also mends what the target lost. Stopped at any instant, and run again,
// it goes on.
//
// Beside a prune of the target, an object that was there already is kept
// young ([vault.Vault.KeepObject]) unless an archive of the target names it.
package replicate
