// Package export writes what an archive holds out as plain files, for tools
// that know nothing of archives.
//
// Names of archived things become names of files that every system takes and
// that stay in their folder. What is there already is never replaced: equal
// files are left alone, others reported.
package export
