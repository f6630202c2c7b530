package compile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/tetratelabs/wazero"

	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
)

// Below the scratch directory each has a directory of its own, which becomes the engine's cache.
const (
	wholeDir = "whole" // for the native code that is run
	shellDir = "shell" // for that of the shell, of which only the name is used
)

// compile leaves the native code in the scratch directory, the shell in its file, and beside the code what the
// engine makes of the shell.
func (r *report) compile(wasm []byte, q request) error {
	if err := engine(wasm, q, wholeDir); err != nil {
		if !r.failed(err) {
			r.Refused = []string{"is not valid: " + firstLine(err.Error())}
		}
		return nil
	}
	shell, err := module.Shell(wasm)
	if err == nil {
		// Where the engine will look for the code depends on what it is given, which will be the shell, and on how it
		// is set up. It says so by putting something there.
		err = engine(shell, q, shellDir)
	}
	if err != nil {
		if !r.failed(err) {
			r.NoShell = firstLine(err.Error())
		}
		return nil
	}
	if _, err := os.NewFile(fdShell, "shell").Write(shell); err != nil {
		return fmt.Errorf("write the shell: %w", err)
	}
	return nil
}

// engine compiles a module into a directory below the scratch directory. What the process holds goes with it.
func engine(wasm []byte, q request, dir string) error {
	ctx := context.Background()
	native, err := wazero.NewCompilationCacheWithDir(fmt.Sprintf("/proc/self/fd/%d/%s", fdScratch, dir))
	if err != nil {
		return &fs.PathError{Op: "make", Path: dir, Err: err}
	}
	_, err = wazero.NewRuntimeWithConfig(ctx, q.Options.config().WithCompilationCache(native)).CompileModule(ctx, wasm)
	return err
}

// failed reports whether an error of the engine's is the system's fault, which it then tells.
func (r *report) failed(err error) bool {
	if !errors.As(err, new(*fs.PathError)) && !errors.As(err, new(syscall.Errno)) {
		return false
	}
	r.Failure = "write native code: " + err.Error()
	return true
}
