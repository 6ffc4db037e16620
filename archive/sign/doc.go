// Package sign signs archives with SSH keys and checks the signatures.
//
// A signature is in the SSHSIG format of OpenSSH, armored, over the bytes of
// the archive file as they are stored, with the hash SHA-512 and the namespace
// "cvarchive". It lies beside the archive under its name and ".sig", so that
//
//	ssh-keygen -Y verify -f ALLOWED_SIGNERS -I PRINCIPAL -n cvarchive -s FILE.sig <FILE
//
// checks it without this program.
//
// [Open] finds the key: in a file, or in an ssh-agent when the file holds the
// public half or the private half is locked by a passphrase. [Parse] reads a
// signature, [Signature.Verify] holds it against a file, and [AllowedSigners]
// says whose key it is, from a file in OpenSSH's format.
//
// Both directions stream: memory does not grow with the file.
package sign
