package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
)

// A Key names all that native code depends on. Code for one key must not be run for another.
type Key struct {
	Module content.Digest // of the bytes that were compiled
	Wazero string         // version
	Build  string         // of our own binary, which has wazero in it
	Arch   string
	CPU    string // features
	Flags  string // options of the compilation
}

// String returns the key in a form that no other key has.
func (k Key) String() string {
	return fmt.Sprintf("module=%q wazero=%q build=%q arch=%q cpu=%q flags=%q", string(k.Module), k.Wazero, k.Build, k.Arch, k.CPU, k.Flags)
}

// A kind says what a file is for. Files of one kind are not taken for those of another.
type kind string

const (
	code kind = "code"
	note kind = "note"
)

// file returns the name of the file for the key.
func (k kind) file(key Key) string {
	sum := sha256.Sum256([]byte(string(k) + " " + key.String()))
	return hex.EncodeToString(sum[:]) + "." + string(k)
}
