package cache

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
)

func TestSecretIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "private")
	secrets := make([][32]byte, 8)
	var wg sync.WaitGroup
	for i := range secrets {
		wg.Go(func() {
			var err error
			if secrets[i], err = Secret(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range secrets {
		if s != secrets[0] || s == ([32]byte{}) {
			t.Errorf("secrets differ: %x", secrets)
		}
	}
	st, err := os.Stat(filepath.Join(dir, secretName))
	if err != nil || st.Mode().Perm() != 0o600 || st.Size() != 32 {
		t.Errorf("%v, %v", st, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

func TestBadSecretsAreRefused(t *testing.T) {
	for name, do := range map[string]func(path string) error{
		"short": func(path string) error { return os.WriteFile(path, make([]byte, 31), 0o600) },
		"long":  func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte{1}, 33), 0o600) },
		"zero":  func(path string) error { return os.WriteFile(path, make([]byte, 32), 0o600) },
		"wide": func(path string) error {
			return errors.Join(os.WriteFile(path, bytes.Repeat([]byte{1}, 32), 0o600), os.Chmod(path, 0o640))
		},
		"link": func(path string) error {
			return errors.Join(os.WriteFile(path+"x", bytes.Repeat([]byte{1}, 32), 0o600), os.Symlink(path+"x", path))
		},
	} {
		dir := filepath.Join(t.TempDir(), "private")
		if err := errors.Join(os.Mkdir(dir, 0o700), do(filepath.Join(dir, secretName))); err != nil {
			t.Fatal(err)
		}
		if s, err := Secret(dir); !errors.As(err, new(*private.UnsafeError)) || s != ([32]byte{}) || !strings.Contains(err.Error(), "remove the file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
