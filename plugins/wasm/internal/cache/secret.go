package cache

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
)

const secretName = "secret"

// Secret returns the secret of the directory, which is made at first use; so is the directory. A file that
// is open to others, belongs to somebody else, or does not hold a secret, is an error: then everything
// that was authenticated with it is in doubt.
func Secret(dir string) ([32]byte, error) {
	secret, err := readOrMake(dir)
	if err != nil {
		return [32]byte{}, fmt.Errorf("secret of the code cache: %w; remove the file to have a new one made, modules are then compiled again", err)
	}
	return secret, nil
}

func readOrMake(dir string) (secret [32]byte, err error) {
	d, err := private.Open(dir)
	if err != nil {
		return secret, err
	}
	defer func() { _ = d.Close() }()
	secret, err = readSecret(d)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := makeSecret(d); err != nil && !errors.Is(err, fs.ErrExist) {
		return secret, err
	}
	return readSecret(d) // perhaps another process's
}

func readSecret(d *private.Dir) (secret [32]byte, err error) {
	file, err := d.Open(secretName)
	if err != nil {
		return secret, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, int64(len(secret))+1))
	if err != nil {
		return secret, err
	}
	if len(data) != len(secret) || [32]byte(data) == secret {
		return secret, &private.UnsafeError{Path: file.Name(), Problem: "does not hold 32 random bytes"}
	}
	return [32]byte(data), nil
}

func makeSecret(d *private.Dir) error {
	draft, err := d.Create()
	if err != nil {
		return err
	}
	defer draft.Discard()
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	if _, err := draft.Write(secret[:]); err != nil {
		return err
	}
	return draft.CommitNew(secretName, 0o600)
}
