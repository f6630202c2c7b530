package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/soltihq/solti-host/host/internal/fence"
)

// Files in the state directory of a plugin.
const (
	identityFile = "identity.json" // what it said of itself last
	launchFile   = "launch.json"   // the launch that is not confirmed dead
	lockFile     = "lock"          // held by whoever inherited it from a launch
	dataDir      = "data"          // the runner's own
)

// formatVersion is that of both files.
const formatVersion = 1

// maxFile bounds the files read back, in bytes: an identity has up to 64 schemas in base64.
const maxFile = 32 << 20

// A memory is an identity as it is kept for the time before the next first answer.
type memory struct {
	Format   int       `json:"format"`
	Name     string    `json:"name"`
	SHA256   string    `json:"sha256"` // of the file that said so
	Identity *identity `json:"identity"`
}

// recall returns the identity that the plugin called name had last, or nil if there is none that can
// be used: then nothing is known until the plugin is up.
func recall(dir, name string) (*identity, error) {
	var m memory
	if err := readJSON(filepath.Join(dir, identityFile), &m); err != nil || m.Identity == nil {
		return nil, err
	}
	if m.Format != formatVersion || m.Name != name {
		return nil, fmt.Errorf("%s: written for %q in format %d", identityFile, m.Name, m.Format)
	}
	if err := m.Identity.check(name); err != nil {
		return nil, fmt.Errorf("%s: %w", identityFile, err)
	}
	return m.Identity, nil
}

func remember(dir, name, sum string, id *identity) error {
	return writeJSON(filepath.Join(dir, identityFile), memory{Format: formatVersion, Name: name, SHA256: sum, Identity: id})
}

// A launchRecord says where to look for what a launch may have left behind. It is written before the
// process exists and again with its identity; between the two, its lock, its cgroup and its marks in
// the environment tell.
type launchRecord struct {
	Format     int         `json:"format"`
	HostID     string      `json:"hostId"`
	Generation int         `json:"generation"`
	Process    fence.Ident `json:"process,omitzero"`
	Cgroup     string      `json:"cgroup,omitempty"`
	Dir        string      `json:"dir"`
}

// readJSON reads a file into v. A file that is not there changes nothing.
func readJSON(path string, v any) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Size() > maxFile {
		return fmt.Errorf("%s has %d bytes, at most %d are expected", path, info.Size(), maxFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeJSON replaces a file as a whole or leaves it as it was.
func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // renamed, as a rule
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
