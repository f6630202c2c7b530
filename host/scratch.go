package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/soltihq/solti-host/host/internal/fence"
	"github.com/soltihq/solti-host/host/internal/plugin"
)

// tempPrefix begins the names of state directories that are to be thrown away.
const tempPrefix = "solti-run-"

// TempStateDir makes a state directory for a host that nobody will start again, where the system keeps
// temporary files. Remove gives it up, after the host's shutdown. If the process is killed before, the
// next host of the same user removes the directory, with what its plugins have left behind.
func TempStateDir() (dir string, remove func() error, err error) {
	for {
		if dir, err = os.MkdirTemp("", tempPrefix); err != nil {
			return "", nil, err
		}
		claim, err := fence.Claim(dir)
		if errors.Is(err, fence.ErrLocked) || errors.Is(err, fs.ErrNotExist) {
			continue // somebody who sweeps took it for a leftover
		}
		if err != nil {
			return "", nil, errors.Join(fmt.Errorf("claim %s: %w", dir, err), os.Remove(dir))
		}
		return dir, func() error { return errors.Join(os.RemoveAll(dir), claim.Close()) }, nil
	}
}

// sweepTime bounds what a sweep may wait for the death of processes.
const sweepTime = 5 * time.Second

// sweepTemp removes what killed processes of this user have left of their [TempStateDir], and what
// their plugins have left. Directories of hosts that are alive, and those of other users, are not
// touched; what cannot be removed is left to the next sweep.
func sweepTemp() {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"*"))
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sweepTime)
	defer cancel()
	for _, dir := range dirs {
		claim, err := fence.Claim(dir)
		if err != nil {
			continue
		}
		if plugin.Clear(ctx, dir) == nil {
			_ = os.RemoveAll(dir)
		}
		_ = claim.Close()
	}
}
