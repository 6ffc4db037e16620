// Package custody does to an archive and all its objects what a store can do
// to names besides keeping them: legal holds ([Hold], [Release]), immutability
// policies that last as long as the newest archive needs ([Protect]), and
// rehydration from an archive tier ([Look], [Cold.Start], [Cold.Follow]).
//
// What cannot be done to one object is in the report, by name, and the rest
// goes on; all of it may be done again, and after it was stopped.
package custody
