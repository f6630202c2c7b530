package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
)

var digest = content.Of([]byte("a module"))

// A signer is a key pair and the file of its public half.
type signer struct {
	file string
	sign func(message string) []byte
}

func publish(t *testing.T, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func write(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newEd25519(t *testing.T) signer {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return signer{publish(t, public), func(m string) []byte { return ed25519.Sign(private, []byte(m)) }}
}

func newECDSA(t *testing.T) signer {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{publish(t, private.Public()), func(m string) []byte {
		sum := sha256.Sum256([]byte(m))
		s, err := private.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}}
}

func newPolicy(t *testing.T, o Options) *Policy {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestASignatureByATrustedKeyIsEnough(t *testing.T) {
	for name, s := range map[string]signer{"Ed25519": newEd25519(t), "ECDSA": newECDSA(t)} {
		t.Run(name, func(t *testing.T) {
			p := newPolicy(t, Options{Keys: []string{newEd25519(t).file, s.file, newECDSA(t).file}})
			raw := s.sign(string(digest))
			text := []byte(base64.StdEncoding.EncodeToString(raw) + "\n")
			for _, sig := range [][]byte{raw, text} {
				if key, err := p.Check(digest, []byte("garbage"), nil, sig); err != nil || !strings.HasPrefix(key, s.file) {
					t.Errorf("key %q, %v", key, err)
				}
			}
		})
	}
}

func TestKeysMayBeGivenAsTheyAre(t *testing.T) {
	trusted := newEd25519(t)
	text, err := os.ReadFile(trusted.file)
	if err != nil {
		t.Fatal(err)
	}
	p := newPolicy(t, Options{Keys: []string{newECDSA(t).file, "\n" + string(text)}})
	if key, err := p.Check(digest, trusted.sign(string(digest))); err != nil || !strings.HasPrefix(key, "key 2 (") {
		t.Errorf("key %q, %v", key, err)
	}
}

func TestEverythingElseFailsClosed(t *testing.T) {
	trusted, stranger := newEd25519(t), newEd25519(t)
	p := newPolicy(t, Options{Keys: []string{trusted.file, newECDSA(t).file}})
	good := trusted.sign(string(digest))
	flipped := append([]byte(nil), good...)
	flipped[3] ^= 1
	for name, sigs := range map[string][][]byte{
		"none": nil, "empty": {nil, {}}, "stranger": {stranger.sign(string(digest))}, "flipped": {flipped}, "cut": {good[:63]},
		"longer": {append(good, 0)}, "another digest": {trusted.sign(string(content.Of([]byte("other"))))},
		"with line end": {trusted.sign(string(digest) + "\n")}, "digits only": {trusted.sign(digest.Hex())},
		"too many": append(make([][]byte, maxSignatures), good),
	} {
		if key, err := p.Check(digest, sigs...); !errors.Is(err, ErrUnsigned) || key != "" {
			t.Errorf("%s: key %q, %v", name, key, err)
		}
	}
	for _, d := range []content.Digest{"", "sha256:x", content.Digest(strings.ToUpper(string(digest)))} {
		if _, err := p.Check(d, trusted.sign(string(d))); !errors.Is(err, ErrUnsigned) {
			t.Errorf("digest %q: %v", d, err)
		}
	}
	if _, err := (&Policy{}).Check(digest, good); !errors.Is(err, ErrUnsigned) {
		t.Errorf("a policy without keys: %v", err)
	}
}

func TestNoPolicyLetsAnyModuleRun(t *testing.T) {
	if _, err := (*Policy)(nil).Check(digest); err != nil {
		t.Error(err)
	}
}

func TestSignaturesOfADirectory(t *testing.T) {
	trusted, dir := newECDSA(t), t.TempDir()
	p := newPolicy(t, Options{Keys: []string{trusted.file}, Dir: dir})
	path := filepath.Join(dir, digest.Hex()+".sig")
	if _, err := p.Check(digest); !errors.Is(err, ErrUnsigned) || !strings.Contains(err.Error(), path) {
		t.Errorf("nothing there: %v", err)
	}
	good := trusted.sign(string(digest))
	for name, text := range map[string]string{
		"raw": string(good), "line": base64.StdEncoding.EncodeToString(good),
		"second line": "Z2FyYmFnZQ==\r\n\r\n" + base64.StdEncoding.EncodeToString(good) + "\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if key, err := p.Check(digest); err != nil || key == "" {
			t.Errorf("%s: %q, %v", name, key, err)
		}
	}
	for name, do := range map[string]func() error{
		"too large": func() error { return os.WriteFile(path, make([]byte, maxFile+1), 0o600) },
		"fifo":      func() error { return unix.Mkfifo(path, 0o600) },
		"directory": func() error { return os.Mkdir(path, 0o700) },
		"garbage":   func() error { return os.WriteFile(path, []byte(strings.Repeat("x\n", 1000)), 0o600) },
	} {
		if err := errors.Join(os.RemoveAll(path), do()); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Check(digest); !errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := p.Check(digest, good); name != "garbage" && err != nil {
			t.Errorf("%s: a signature that came with the module: %v", name, err)
		}
	}
}

func TestBadKeysAreRefused(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(p384)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(newEd25519(t).file)
	if err != nil {
		t.Fatal(err)
	}
	for want, path := range map[string]string{
		"neither an Ed25519": publish(t, rsaKey.Public()), "want P-256": publish(t, p384.Public()),
		"is a private key": write(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"no PEM block":     write(t, []byte("hello")), "want PUBLIC KEY": write(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"})),
		"asn1":         write(t, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})),
		"no such file": filepath.Join(t.TempDir(), "none"), "after its last key": write(t, append(good, "rest"...)),
		"larger than": write(t, make([]byte, maxKeyFile+1)), "not a regular file": t.TempDir(),
	} {
		if _, err := New(Options{Keys: []string{newEd25519(t).file, path}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "no key is given") {
		t.Errorf("no keys: %v", err)
	}
	many := write(t, []byte(strings.Repeat(string(good), maxKeys+1)))
	if _, err := New(Options{Keys: []string{many}}); err == nil || !strings.Contains(err.Error(), "more than 64") {
		t.Errorf("too many keys: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte("c2ln"), []byte{0x30, 0x06})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		public, _, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		p := newPolicy(t, Options{Keys: []string{publish(t, public)}})
		if key, err := p.Check(digest, a, b); err == nil {
			t.Errorf("taken by %q", key)
		}
	})
}
