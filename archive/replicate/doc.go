// Package replicate copies archives and their objects from one vault to
// another.
//
// Objects go first and the archive last, under the same name, so that the
// commit rule of vaults holds in the target too, and the oldest archive goes
// first, so that one is there before those that build on it. Archives pass
// through this machine and are checked on the way, against their own digests
// before, and byte by byte with what was stored after.
//
// So do objects, whose bytes are held against their digests when they are read
// and when they are stored, unless both stores are Blob Storage: then the
// service copies each by itself ([vault.Vault.CopyObject]), and what is checked
// is its size and the MD5 that it was stored with. What the service does not
// copy passes through this machine, and the reason is told once.
// [Options.ReadData] makes all of it do so.
//
// Only what is missing is copied. A [Pass] lists the objects of the target
// once, and looks at no object twice. An archive that is there already is
// compared, and those of its objects that are missing are copied, so that a
// copy also mends what the target lost. Stopped at any instant, and run again,
// it goes on.
//
// Beside a prune of the target, an object that was there already is kept
// young ([vault.Vault.KeepObject]) unless an archive of the target names it.
//
// An object is remembered by 8 bytes of a digest ([objectset.Table]), 75 MB for
// ten million. Two that agree in them would be taken for one, and the second not
// copied; verify finds that.
package replicate
