package config

import (
	"errors"
	"os"
	"path/filepath"
)

// Where the host's things are when nobody says otherwise.
const (
	systemStateDir  = "/var/lib/solti-host"
	systemPluginDir = "/usr/lib/solti-host/plugins"
)

// DefaultStateDir returns the state directory of a host that runs as root, or as the user whose
// environment env is.
func DefaultStateDir(root bool, env []string) (string, error) {
	if root {
		return systemStateDir, nil
	}
	if dir := lookup(env, "XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "solti-host"), nil
	}
	if home := lookup(env, "HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "solti-host"), nil
	}
	return "", errors.New("there is no default, because neither HOME nor XDG_STATE_HOME is set: give --state-dir")
}

// defaultPluginDir is plugins beside the program if there is such a directory, else the system's.
func defaultPluginDir(executable string) string {
	if executable == "" {
		return systemPluginDir
	}
	dir := filepath.Join(filepath.Dir(resolve(executable)), "plugins")
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return dir
	}
	return systemPluginDir
}
