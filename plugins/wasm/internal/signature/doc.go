// Package signature decides whether a module may run by who has signed it.
//
// A signature is detached and made over the text of the module's digest, sha256: and 64 lower-case
// hexadecimal digits, without a line end: with Ed25519, or with ECDSA over the curve P-256 and SHA-256. Any
// tool can make one:
//
//	printf %s sha256:... > digest
//	openssl pkeyutl -sign -rawin -inkey ed25519.pem -in digest | base64 -w0    # Ed25519
//	openssl dgst -sha256 -sign p256.pem digest | base64 -w0                    # ECDSA, also cosign sign-blob
//
// A [Policy] holds the operator's public keys. Signatures come with the module, or lie in a directory of
// the operator's, in files named by the digest's digits and .sig, one to a line in base64.
//
// # Invariants
//
//   - A policy fails closed: without a key it does not exist, and what it cannot read, parse or verify
//     counts for nothing. One good signature by one key is enough; bad ones beside it do no harm.
//   - Nothing outside of the digest is believed, in particular nothing within the module.
//   - The work is bounded, whatever is handed in.
package signature
