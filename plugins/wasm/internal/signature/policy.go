package signature

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
)

const (
	maxKeyFile    = 256 << 10
	maxFile       = 64 << 10 // bytes of a file of signatures
	maxSignatures = 64       // that are looked at
)

// ErrUnsigned is wrapped by every error that means that a policy does not let a module run.
var ErrUnsigned = errors.New("the module is not signed by a trusted key")

// Options say what a policy goes by.
type Options struct {
	Keys []string // public keys in PEM form, or files of them; at least one
	Dir  string   // where signatures lie by digest; empty means nowhere
}

// A Policy lets modules run that are signed. The nil policy lets any module run. Its methods may be
// called from any goroutine.
type Policy struct {
	keys []key
	dir  string
}

// New reads the keys. All that is wrong with them is reported at once.
func New(o Options) (*Policy, error) {
	p := &Policy{dir: o.Dir}
	var errs []error
	for i, source := range o.Keys {
		keys, err := readKeys(i, source)
		errs = append(errs, err)
		p.keys = append(p.keys, keys...)
	}
	switch err := errors.Join(errs...); {
	case err != nil:
		return nil, fmt.Errorf("signature policy: %w", err)
	case len(p.keys) == 0:
		return nil, errors.New("signature policy: no key is given, so that no module could run")
	case len(p.keys) > maxKeys:
		return nil, fmt.Errorf("signature policy: %d keys are more than %d", len(p.keys), maxKeys)
	}
	return p, nil
}

// readKeys reads the keys of a text, or of a file.
func readKeys(i int, source string) ([]key, error) {
	if strings.HasPrefix(strings.TrimSpace(source), "-----BEGIN") {
		return parseKeys(fmt.Sprintf("key %d", i+1), []byte(source))
	}
	text, err := readFile(source, maxKeyFile)
	if err != nil {
		return nil, err
	}
	return parseKeys(source, text)
}

// Check returns the name of a key that has signed the module, looking at the signatures given and at those
// of the policy's directory. Otherwise the error wraps [ErrUnsigned] and says what was found wanting. A
// signature is as its tool makes it, or that in base64.
func (p *Policy) Check(d content.Digest, signatures ...[]byte) (key string, err error) {
	if p == nil {
		return "", nil
	}
	if parsed, err := content.ParseDigest(string(d)); err != nil || parsed != d {
		return "", fmt.Errorf("%w: %.80q is no digest", ErrUnsigned, string(d))
	}
	stored, trouble := p.stored(d)
	all := append(signatures[:len(signatures):len(signatures)], stored...)
	if len(all) > maxSignatures {
		return "", fmt.Errorf("%w: %d signatures are more than the %d that are looked at", ErrUnsigned, len(all), maxSignatures)
	}
	for _, s := range all {
		if name, ok := p.verify([]byte(d), s); ok {
			return name, nil
		}
	}
	switch {
	case trouble != nil:
		return "", fmt.Errorf("%w: %w", ErrUnsigned, trouble)
	case len(all) == 0 && p.dir != "":
		return "", fmt.Errorf("%w: %s has no signature: give one in module.signature, or put it into %s", ErrUnsigned, d, filepath.Join(p.dir, d.Hex()+".sig"))
	case len(all) == 0:
		return "", fmt.Errorf("%w: %s has no signature: give one in module.signature", ErrUnsigned, d)
	default:
		return "", fmt.Errorf("%w: none of %d signatures of %s, in module.signature or stored, is by one of the operator's %d keys: they are made over the digest as text", ErrUnsigned, len(all), d, len(p.keys))
	}
}

// verify returns the key that the signature is by.
func (p *Policy) verify(message, signature []byte) (string, bool) {
	forms := [][]byte{signature}
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(signature))); err == nil {
		forms = append(forms, raw)
	}
	for _, k := range p.keys {
		for _, form := range forms {
			if k.verify(message, form) {
				return k.name, true
			}
		}
	}
	return "", false
}

// stored returns the signatures of the policy's directory.
func (p *Policy) stored(d content.Digest) ([][]byte, error) {
	if p.dir == "" {
		return nil, nil
	}
	text, err := readFile(filepath.Join(p.dir, d.Hex()+".sig"), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := [][]byte{text} // it may be one signature as it is
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && len(found) <= maxSignatures {
			found = append(found, []byte(line))
		}
	}
	return found, nil
}

// readFile reads a regular file that is not too large. It opens nothing that would block.
func readFile(path string, most int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	st, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s: is not a regular file", path)
	}
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(text)) > most:
		return nil, fmt.Errorf("%s: is larger than %d bytes", path, most)
	}
	return text, nil
}
