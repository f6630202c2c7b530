package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// Load makes a module ready.
func Load(ctx context.Context, s Source) (*Module, error) {
	m := &Module{Engine: s.Engine, memory: newAllocator(s)}
	if s.Engine != wire.EngineInterpreter {
		err := Executable()
		switch {
		case err == nil:
			m.Engine = wire.EngineCompiler
		case s.Engine == wire.EngineCompiler:
			return nil, fmt.Errorf("native code cannot be executed here: %w", err)
		default:
			m.Engine = wire.EngineInterpreter
		}
	}
	config := Config(m.Engine, s.TailCall, s.Debug)
	if m.Engine == wire.EngineInterpreter || s.Native == "" {
		m.Compiled = m.Engine == wire.EngineCompiler
		return m, m.compile(ctx, s, config)
	}
	dir, err := link(s)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open native code: %w", err)
	}
	if err := m.compile(ctx, s, config.WithCompilationCache(cache)); err != nil {
		return nil, err
	}
	m.Compiled, err = added(filepath.Dir(filepath.Join(dir, s.NativeName)))
	return m, err
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

// added reports whether the engine put something beside the link: it did not take what was there.
func added(dir string) (bool, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("look at native code: %w", err)
	}
	return len(list) > 1, nil
}
