package guest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// Run takes one guest from its instantiation to its end: the module's start function, _initialize if it is
// exported and not the entry, then the entry, "" for _start. It panics with a *wasi.OutputError when the
// guest's output can go nowhere, and when a host function fails.
func (m *Module) Run(entry string, o wasi.Options) (s wire.Status) {
	if entry == "" {
		entry = "_start"
	}
	ctx := experimental.WithMemoryAllocator(context.Background(), m.memory)
	begin := time.Now()
	m.host.Begin(o)
	defer m.host.End()

	called := begin
	mod, err := m.instantiate(ctx)
	if err == nil {
		defer mod.Close(ctx)
		called = time.Now()
		err = m.call(ctx, mod, entry)
	}
	s = m.status(err)
	s.Instantiated = called.Sub(begin)
	s.Ran = time.Since(called)
	return s
}

// A startError says why there is nothing to call.
type startError struct{ reason string }

func (e *startError) Error() string { return e.reason }

// instantiate makes the guest and runs its start function.
func (m *Module) instantiate(ctx context.Context) (mod api.Module, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*memoryError)
			if !ok {
				panic(r)
			}
			err = &startError{e.Error()}
		}
	}()
	return m.runtime.InstantiateModule(ctx, m.compiled, m.config)
}

// call runs the entry.
func (m *Module) call(ctx context.Context, mod api.Module, entry string) error {
	f := mod.ExportedFunction(entry)
	if f == nil {
		return &startError{fmt.Sprintf("the module exports no function %s%s", entry, m.offer())}
	}
	if n := len(f.Definition().ParamTypes()); n > 0 {
		return &startError{fmt.Sprintf("the function %s takes %d parameters, an entry has none", entry, n)}
	}
	if init := mod.ExportedFunction("_initialize"); init != nil && entry != "_initialize" && entry != "_start" {
		if _, err := init.Call(ctx); err != nil {
			return err
		}
	}
	_, err := f.Call(ctx)
	return err
}

// offer names functions that could be called instead.
func (m *Module) offer() string {
	var names []string
	for name, f := range m.compiled.ExportedFunctions() {
		if len(f.ParamTypes()) == 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return ", but " + strings.Join(names[:min(len(names), 10)], ", ")
}

// status says what an error of the engine means.
func (m *Module) status(err error) wire.Status {
	var exit *sys.ExitError
	var start *startError
	var lost *wasi.OutputError
	var failure runtime.Error
	switch {
	case err == nil:
		return wire.Status{End: wire.Exited}
	case errors.As(err, &exit):
		return wire.Status{End: wire.Exited, Code: exit.ExitCode()}
	case errors.As(err, &start):
		return wire.Status{End: wire.Failed, Reason: start.reason}
	case errors.As(err, &lost):
		panic(lost)
	case errors.As(err, &failure):
		panic(fmt.Sprintf("host function: %v", err))
	}
	return wire.Status{End: wire.Trapped, Trap: trapOf(err, m.compiled.Name())}
}
