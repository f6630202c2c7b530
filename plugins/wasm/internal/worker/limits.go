package worker

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fence"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

const (
	defaultPages = 4096 // 256 MiB
	defaultFiles = 256
)

// applyLimits sets what holds for the process from now on. It does not depend on whether there is a shell.
func applyLimits(l wire.Load, f wire.Files) error {
	wasm, err := sizeOf(f.Module)
	if err != nil {
		return fmt.Errorf("look at the module: %w", err)
	}
	var code int64
	if f.Native >= 0 {
		if code, err = sizeOf(f.Native); err != nil {
			return fmt.Errorf("look at native code: %w", err)
		}
	}
	files := uint64(l.OpenFiles)
	if files == 0 {
		files = defaultFiles
	}
	// What decoding takes grows with the module; native code is copied from its file.
	data := uint64(l.Pages)*(64<<10) + slack + uint64(4*wasm+2*code)
	limits := []struct {
		name     string
		resource int
		value    uint64
	}{
		{"core size", unix.RLIMIT_CORE, 0},
		{"data", unix.RLIMIT_DATA, data},
		{"descriptors", unix.RLIMIT_NOFILE, files},
	}
	for _, limit := range limits {
		if err := lower(limit.resource, limit.value); err != nil {
			return fmt.Errorf("limit %s to %d: %w", limit.name, limit.value, err)
		}
	}
	return fence.NoNewPrivileges()
}

// lower sets a limit, or leaves one that is lower.
func lower(resource int, value uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return err
	}
	value = min(value, now.Max)
	return syscall.Setrlimit(resource, &syscall.Rlimit{Cur: value, Max: value})
}
