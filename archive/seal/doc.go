// Package seal encrypts to people who hold a private key, and to nobody else:
// what is sealed on a backup host can be read only where an identity is.
//
// It is a thin layer over age (https://age-encryption.org/v1): [Recipients]
// are public keys, [Identities] private ones, both of the kinds that the age
// command-line tool takes without plugins:
//
//	age1…                      X25519
//	age1pq1…                   post-quantum (ML-KEM-768 and X25519)
//	ssh-ed25519 …, ssh-rsa …   SSH public keys
//
// An identity file is one of age (age-keygen's, also one protected by a
// passphrase with age -p) or an SSH private key, with or without passphrase.
// Whatever is sealed here opens with the age tool, and the other way round.
//
// Private keys and what they open are never part of an error or of what a
// type prints. Errors about a text that was to be a public key do not repeat
// it either: somebody may have put the private one there.
package seal
