// Package demo has the sample account that "cvarchive demo" and "cvarchive
// simulate --sample" work with: a handful of Custom Vision projects as people
// have them, and between them everything that a backup must cope with. The
// account is uploaded to a resource through the Training API, as a person's
// program would.
//
// [Seed] does it; account.go says what the projects are, seed.go how they get
// there, and package picture paints their photographs.
package demo
