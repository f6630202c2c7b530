package api

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/soltihq/solti-host/host/task"
)

// tokenBytes is how many random bytes make a token.
const tokenBytes = 32

// publishEndpoint writes the address to the endpoint file, and returns the token in it: the one that
// was there, or a new one.
func publishEndpoint(file, address string) (token string, err error) {
	e, err := readEndpoint(file)
	if err != nil {
		return "", err
	}
	if e.Token == "" {
		var b [tokenBytes]byte
		rand.Read(b[:])
		e.Token = base64.RawURLEncoding.EncodeToString(b[:])
	}
	e.Address = address
	if err := writeEndpoint(file, e); err != nil {
		return "", fmt.Errorf("publish the address of the API: %w", err)
	}
	return e.Token, nil
}

// readEndpoint returns what the file holds; nothing where there is none. A file that others may read
// or that holds a weak token is refused.
func readEndpoint(file string) (e task.Endpoint, err error) {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return e, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return e, fmt.Errorf("%s: others can read the token in it (mode %v): remove it, and the host makes a new one",
			file, info.Mode().Perm())
	}
	if err := json.NewDecoder(f).Decode(&e); err != nil {
		return e, fmt.Errorf("%s: it cannot be read, remove it and the host makes a new one: %w", file, err)
	}
	if b, err := base64.RawURLEncoding.DecodeString(e.Token); err != nil || len(b) < tokenBytes {
		return e, fmt.Errorf("%s: its token is not one of %d random bytes: remove it, and the host makes a new one", file, tokenBytes)
	}
	return e, nil
}

// writeEndpoint replaces the file in one step.
func writeEndpoint(file string, e task.Endpoint) (err error) {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".endpoint-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
