// Package drill rehearses a restore: it restores an archive into a resource
// under temporary names, proves what arrived, measures how long that took
// (the time to recovery, RTO) and how old the data is (RPO), deletes what it
// created, and reports.
//
// # What is deleted
//
// Only what a drill created, and that is known by a journal in the vault: the
// intent to create a project is durable before the call that creates it, and
// its id before anything else is done with it. A journal that cannot be
// written stops the drill. A project whose creation was answered into the
// void is the one that has exactly the intended name, which no other drill
// gives, and was made since. A project that somebody has renamed is left
// alone and reported.
//
// A drill that was killed is cleaned up by the next one into the same target
// from the same vault ([Prepare] finds it, [Drill.Run] removes what it left),
// or by [CleanUp]. One that still runs, here or on another machine, is not
// touched: it is known by its process and by notes that it leaves each
// minute.
package drill
