package content

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// algorithm is the only one that is taken.
const algorithm = "sha256:"

// A Digest names bytes: sha256: and 64 lower-case hexadecimal digits. The zero value is no digest.
type Digest string

// ParseDigest checks a digest. It takes upper-case digits and leaves out no others than sha256.
func ParseDigest(s string) (Digest, error) {
	digits, ok := strings.CutPrefix(s, algorithm)
	if !ok {
		return "", fmt.Errorf("digest %.80q: must begin with %s", s, algorithm)
	}
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != sha256.Size {
		return "", fmt.Errorf("digest %.80q: must have %d hexadecimal digits after %s", s, 2*sha256.Size, algorithm)
	}
	return Digest(algorithm + strings.ToLower(digits)), nil
}

// Of returns the digest of data.
func Of(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest(algorithm + hex.EncodeToString(sum[:]))
}

// Hex returns the digits alone.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), algorithm) }

// valid reports whether d is a digest as ParseDigest returns it.
func (d Digest) valid() bool {
	parsed, err := ParseDigest(string(d))
	return err == nil && parsed == d
}

func digestOf(h hash.Hash) Digest { return Digest(algorithm + hex.EncodeToString(h.Sum(nil))) }
