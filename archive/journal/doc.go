// Package journal keeps notes of work under way in a vault, so that it can be
// gone on with, or cleaned up, after it was stopped, from another machine too.
//
// A [Folder] is one piece of work: small files, numbered in the order in which
// they were written, each written once and never changed. What they say is up
// to the flow that writes them.
package journal
