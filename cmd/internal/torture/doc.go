// Package torture holds a test that tries to break backups: it runs the real
// program, as a process, against the simulated service and against vaults in
// a folder, on a disk that is nearly full and in Azurite, and gets in its way.
//
//	go test ./cmd/internal/torture                                           a round or two
//	go test ./cmd/internal/torture -v -timeout 0 -args -duration 30m -seed 7 as long as you like
//	go test ./cmd/internal/torture -args -seed 7 -round 23                   a failure again
//
// # A round
//
// Everything about a round but the order of what happens at the same time
// follows from the seed. In a round, one to three programs back up one or two
// resources into one vault at the same time, while
//
//   - the service and the store fail: 500, 503 with and without Retry-After,
//     409, 429, connections cut before and after the effect, answers that are
//     cut off or come in drops, bytes that are not the image's, writes of
//     which half arrives, a disk without space, links that have expired;
//   - the account changes: images are added, deleted, tagged, untagged, and
//     given regions and metadata, between two requests of the programs;
//   - programs are killed (-9) or interrupted, and some started again.
//
// Then all of that ends, and these must hold: no program crashed, hung or
// ended in an undocumented way; what is in the vault verifies, every byte of
// it; every archive is a state that each project really had while it was
// made, or says of the project that it is not whole; the bytes of every image
// are those that were uploaded, or are marked; the next backup of each
// resource exits with 0, and its archive is the account, image by image;
// nothing is stored twice, nothing lies among the archives that is none, and
// no temporary file of a program that ended by itself is left.
//
// A fault counts when it was met, not when it was planned, and a run of some
// length (two minutes) in which a kind of fault was never met fails.
//
// # What else is here
//
// Backups, prunes and copies that are killed beside each other, while days
// pass (TestCustody); damage that is found and repaired (TestMended); a backup
// killed at half of its images and run again (TestKilledHalfway); and backups
// of an account that never stands still (TestMovingAccount).
package torture
