// Package manifest is the vocabulary of cvarchive: the typed records that an
// archive holds, what the Custom Vision service says about a project, and the
// small value types (digests, timestamps, secrets, errors) that the rest of
// the program passes around. It performs no I/O.
//
// The records follow the Training API v3.3 closely, with three rules:
//
//   - What the service sends as a number that must not drift (region
//     fractions) or as a timestamp (seven fraction digits, often no zone) is
//     kept as the text that came: [encoding/json.Number] and [Timestamp].
//   - Enumerations are open: [Outcome] and friends are ours, but project
//     status, tag type, classification type and the like are plain strings,
//     since the service answers values that its own specification lacks.
//   - Fields that this version does not know are kept in Extra and written
//     back by the codec, so that a record survives a copy.
//
// Start at [Manifest], the index that closes every archive; [Project], [Tag],
// [Iteration], [Export] and [Image] are the members of one project's folder.
package manifest
