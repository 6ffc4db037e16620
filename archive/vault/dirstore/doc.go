// Package dirstore keeps a vault in a folder.
//
// A name is a file below the folder. Files are created with mode 0600 and
// folders with 0700. Everything happens beneath the folder through an
// [os.Root]: no symbolic link in it leads out. What is not a regular file
// counts as missing.
//
// # How a file appears
//
// Create writes to a hidden temporary file (".tmp-…") in the folder of the
// name, syncs it, and then gives it its name with a hard link, which fails
// where a rename would replace. The folder is synced last. A crash therefore
// leaves the whole file or none; at most the temporary file stays, which List
// passes over and which goes with the first Create there when it is a day
// old.
//
// Some file systems have no hard links (exFAT, FAT, Azure Files over SMB).
// There the name is given with a rename that refuses to replace, which Linux
// (renameat2) and macOS (renameatx_np) offer. Where the system has neither,
// Create fails and says so: without one of them two writers could replace
// each other's files.
package dirstore
