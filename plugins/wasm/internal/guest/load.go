package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A Source is a module and how it is to be run.
type Source struct {
	Wasm       []byte // kept; must not change
	Native     string // path of the module's native code, or ""
	NativeName string // where the engine looks for it below its cache directory
	// Shell says that Wasm is but the shell of the module that Native was made of, so that nothing else may be
	// executed for it.
	Shell bool

	Engine   wire.Engine
	Pages    uint32 // ceiling of linear memory in pages of 64 KiB
	TailCall bool
	Debug    bool

	PagesPeak, Growths *atomic.Uint64 // counters, or nil
}

// A Module is ready to run guests, one at a time.
type Module struct {
	// Engine is what executes it.
	Engine wire.Engine
	// Compiled says that native code was made and not found.
	Compiled bool

	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	config   wazero.ModuleConfig
	host     *wasi.Host
	memory   *allocator
}

// Config returns how the engine is set up for a module. Native code is found only if it was made with the
// same; of it, debug changes what is stored and not where.
func Config(engine wire.Engine, tailCall, debug bool) wazero.RuntimeConfig {
	c := wazero.NewRuntimeConfigInterpreter()
	if engine == wire.EngineCompiler {
		c = wazero.NewRuntimeConfigCompiler()
	}
	features := api.CoreFeaturesV2 | experimental.CoreFeaturesExtendedConst
	if tailCall {
		features |= experimental.CoreFeaturesTailCall
	}
	return c.WithCoreFeatures(features).WithCloseOnContextDone(false).WithDebugInfoEnabled(debug)
}

// A ShellError says why the shell of a module is not run. The module itself can be.
type ShellError struct{ Reason string }

func (e *ShellError) Error() string { return "the shell of a module is not run: " + e.Reason }

// Load makes a module ready. It returns a *ShellError if it was given a shell and would have to execute that.
func Load(ctx context.Context, s Source) (*Module, error) {
	m := &Module{memory: newAllocator(s)}
	var err error
	if m.Engine, err = engineOf(s); err != nil {
		return nil, err
	}
	config := Config(m.Engine, s.TailCall, s.Debug)
	if m.Engine == wire.EngineInterpreter || s.Native == "" {
		m.Compiled = m.Engine == wire.EngineCompiler
		err = m.compile(ctx, s, config)
	} else {
		err = m.find(ctx, s, config)
	}
	if err != nil && m.runtime != nil {
		_ = m.runtime.Close(ctx)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// engineOf returns what executes a module.
func engineOf(s Source) (wire.Engine, error) {
	switch {
	case s.Shell && s.Native == "":
		return 0, &ShellError{"there is no native code"}
	case s.Shell && s.Engine == wire.EngineInterpreter:
		return 0, &ShellError{"it is to be interpreted"}
	case s.Engine == wire.EngineInterpreter:
		return s.Engine, nil
	}
	err := Executable()
	switch {
	case err == nil:
		return wire.EngineCompiler, nil
	case s.Shell:
		return 0, &ShellError{"native code cannot be executed here: " + err.Error()}
	case s.Engine == wire.EngineCompiler:
		return 0, fmt.Errorf("native code cannot be executed here: %w", err)
	}
	return wire.EngineInterpreter, nil
}

// find makes the module ready with native code.
func (m *Module) find(ctx context.Context, s Source, config wazero.RuntimeConfig) error {
	dir, err := link(s)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return fmt.Errorf("open native code: %w", err)
	}
	if err := m.compile(ctx, s, config.WithCompilationCache(cache)); err != nil {
		return err
	}
	if m.Compiled, err = altered(dir, s); err == nil && m.Compiled && s.Shell {
		return &ShellError{"the engine did not take the native code for it"}
	}
	return err
}

func newAllocator(s Source) *allocator {
	a := &allocator{limit: uint64(s.Pages) * pageSize, peak: s.PagesPeak, growths: s.Growths}
	if a.peak == nil {
		a.peak = new(atomic.Uint64)
	}
	if a.growths == nil {
		a.growths = new(atomic.Uint64)
	}
	return a
}

// compile makes the runtime, the module, and those of the host's functions that it imports.
func (m *Module) compile(ctx context.Context, s Source, config wazero.RuntimeConfig) error {
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	var err error
	if m.compiled, err = m.runtime.CompileModule(ctx, s.Wasm); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	// Nobody asks the engine for random bytes, but without a source it prepares one for each guest.
	m.config = wazero.NewModuleConfig().WithName("").WithStartFunctions().WithRandSource(eof{})
	m.host, err = wasi.Instantiate(ctx, m.runtime, m.compiled.ImportedFunctions())
	return err
}

// An eof is a reader that has nothing.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// link makes a directory in which the engine finds the native code, and nothing else.
func link(s Source) (string, error) {
	if !filepath.IsLocal(s.NativeName) {
		return "", fmt.Errorf("native code with the name %q", s.NativeName)
	}
	dir, err := os.MkdirTemp("", "solti-wasm-")
	if err != nil {
		return "", fmt.Errorf("make directory for native code: %w", err)
	}
	at := filepath.Join(dir, s.NativeName)
	err = os.MkdirAll(filepath.Dir(at), 0o700)
	if err == nil {
		err = os.Symlink(s.Native, at)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("link native code: %w", err), os.RemoveAll(dir))
	}
	return dir, nil
}

// altered reports whether the engine changed anything about the directory that link made: it did not take what was
// there, but made code of its own, which it keeps before it goes on.
func altered(dir string, s Source) (bool, error) {
	files := 0
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files++
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look at native code: %w", err)
	}
	to, err := os.Readlink(filepath.Join(dir, s.NativeName))
	return files != 1 || err != nil || to != s.Native, nil
}
