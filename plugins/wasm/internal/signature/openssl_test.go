package signature

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the package's comment tells people to do works.
func TestSignaturesThatOpenSSLMakes(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl here")
	}
	dir := t.TempDir()
	message := filepath.Join(dir, "digest")
	if err := os.WriteFile(message, []byte(digest), 0o600); err != nil {
		t.Fatal(err)
	}
	openssl := func(args string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "openssl", strings.Fields(args)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("openssl %s: %v", args, err)
		}
		return out
	}
	for name, how := range map[string]struct{ generate, sign string }{
		"Ed25519": {"genpkey -algorithm ed25519 -out key", "pkeyutl -sign -rawin -inkey key -in digest"},
		"ECDSA":   {"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key", "dgst -sha256 -sign key digest"},
	} {
		t.Run(name, func(t *testing.T) {
			openssl(how.generate)
			public := write(t, openssl("pkey -in key -pubout"))
			p := newPolicy(t, Options{Keys: []string{public}})
			if _, err := p.Check(digest, openssl(how.sign)); err != nil {
				t.Error(err)
			}
		})
	}
}
