// Package plan decides what a restore will do, before anything is done: it
// compares archived projects with the live state of a target and says, for
// each, whether it is imported by its token, rebuilt from its content,
// skipped because it is there already, in conflict, or blocked, and why. It
// performs no I/O.
//
// A [Plan] is a value with a stable JSON form. The dry run prints it, the
// restore carries out exactly it. [Build] makes one from [Project] values of
// both sides; the content of an archived project is summed up record by
// record in a [Content], which also works out the [Schedule] of create calls
// that a rebuild makes. The numbers of calls and bytes in a plan come from
// that schedule and hold exactly for a run in which nothing fails;
// [Content.LowerBound] says how few there could be.
package plan
