package compile

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/cpu"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
)

// Build returns the key of a binary on this processor: what native code that this binary makes or runs
// depends on besides the module and the options. It reads the binary, so ask once.
func Build(binary string) (cache.Key, error) {
	id, err := buildID(binary)
	if err != nil {
		return cache.Key{}, fmt.Errorf("find out which build this is: %w", err)
	}
	return cache.Key{Wazero: EngineVersion(), Build: id, Arch: runtime.GOARCH, CPU: features()}, nil
}

// EngineVersion returns the version of wazero in this binary, or dev: binaries of tests do not know it.
func EngineVersion() string {
	const unknown = "dev"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknown
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/tetratelabs/wazero" {
			if dep.Replace != nil {
				return dep.Version + "=>" + dep.Replace.Path + "@" + dep.Replace.Version
			}
			return dep.Version
		}
	}
	return unknown
}

// buildID returns what no other build has: the identifier that Go's linker leaves, of which a part is the
// hash of the content; or the hash of the file.
func buildID(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	if binary, err := elf.NewFile(file); err == nil {
		if section := binary.Section(".note.go.buildid"); section != nil {
			if note, err := section.Data(); err == nil && len(note) > 16 {
				return strings.Trim(string(note[16:]), "\x00"), nil
			}
		}
	}
	h := sha256.New()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// features names what the processor has, in a few characters.
func features() string {
	h := sha256.New()
	for _, set := range []any{cpu.X86, cpu.ARM64} {
		v := reflect.ValueOf(set)
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Bool {
				_, _ = fmt.Fprintf(h, "%s=%t ", v.Type().Field(i).Name, f.Bool())
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
