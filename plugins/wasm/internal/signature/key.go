package signature

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// A key is a public key that the operator trusts.
type key struct {
	name   string // where it is from, and the beginning of its fingerprint
	verify func(message, signature []byte) bool
}

// maxKeys is how many keys a policy may have.
const maxKeys = 64

// parseKeys reads the public keys of a PEM text.
func parseKeys(name string, text []byte) ([]key, error) {
	var keys []key
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		k, err := parseKey(name, block)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if strings.TrimSpace(string(text)) != "" && len(keys) > 0 {
		return nil, fmt.Errorf("%s: has something after its last key that is no PEM block", name)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: has no PEM block; a public key begins with -----BEGIN PUBLIC KEY-----", name)
	}
	return keys, nil
}

func parseKey(name string, block *pem.Block) (key, error) {
	switch {
	case strings.Contains(block.Type, "PRIVATE KEY"):
		return key{}, fmt.Errorf("%s: is a private key, which does not belong here; configure the public key (openssl pkey -pubout)", name)
	case block.Type != "PUBLIC KEY":
		return key{}, fmt.Errorf("%s: has a block %.40q, want PUBLIC KEY", name, block.Type)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return key{}, fmt.Errorf("%s: %w", name, err)
	}
	verify, err := verifier(public)
	if err != nil {
		return key{}, fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.Sum256(block.Bytes)
	return key{name + " (" + hex.EncodeToString(sum[:8]) + ")", verify}, nil
}

func verifier(public any) (func(message, signature []byte) bool, error) {
	switch k := public.(type) {
	case ed25519.PublicKey:
		return func(message, signature []byte) bool { return ed25519.Verify(k, message, signature) }, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("is of curve %s, want P-256", k.Curve.Params().Name)
		}
		return func(message, signature []byte) bool {
			sum := sha256.Sum256(message)
			return ecdsa.VerifyASN1(k, sum[:], signature)
		}, nil
	default:
		return nil, errors.New("is neither an Ed25519 nor an ECDSA P-256 key")
	}
}
