// Package dirstore keeps a vault in a folder.
//
// A name is a file below the folder. Files are created with mode 0600 and
// folders with 0700. Everything happens beneath the folder through an
// [os.Root]: no symbolic link in it leads out. Linux and macOS read and write a
// file through the descriptor of its folder, which costs half as much, and follow
// no link there. What is not a regular file counts as missing.
//
// # How a file appears
//
// Create writes to a hidden temporary file (".tmp-…") in the folder of the
// name, syncs it, and then gives it its name with a rename that refuses to
// replace, which Linux (renameat2) and macOS (renameatx_np) offer. The folder is synced last. A crash therefore
// leaves the whole file or none; at most the temporary file stays, which List
// passes over and which goes with the first Create there when it is a day
// old.
//
// CreateLater does the same for many files at once: they wait under their
// temporary names until Flush syncs the file system, gives them their names,
// and syncs it again, which makes the names of new folders durable, too. A crash
// in between leaves temporary files.
//
// Where the system or the file system has no such rename, the name is given
// with a hard link, which does not replace either. Some file systems have no
// hard links (exFAT, FAT, Azure Files over SMB). Where there is neither,
// Create fails and says so: without one of them two writers could replace
// each other's files.
package dirstore
