package image

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/guest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/signature"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
)

// A Studio makes images. Its methods may be called from any goroutine.
type Studio struct {
	settings *settings.Settings
	store    *content.Store
	policy   *signature.Policy
	compiler *compile.Compiler
	cache    *cache.Cache
	build    cache.Key
	noCode   error // why native code cannot be executed here; nil means that it can
	log      hclog.Logger
	shelf    *shelf
	makings  *makings
}

// Open makes a studio that keeps what it needs below dir, a directory of its own. Observe, if it is not nil,
// is told of every process that has looked at a module or compiled it.
func Open(dir string, s *settings.Settings, spawner *spawn.Spawner, observe func(compile.Compilation), log hclog.Logger) (_ *Studio, err error) {
	st := &Studio{settings: s, log: log, shelf: newShelf(linger), makings: newMakings(), noCode: guest.Executable()}
	if st.noCode != nil {
		log.Warn("memory that was written may not be executed here, so modules are interpreted, which is 30 to 90 times slower;"+
			" of systemd, MemoryDenyWriteExecute=no allows it", "error", st.noCode)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.Close())
		}
	}()
	if len(s.Signatures.Keys) > 0 {
		if st.policy, err = signature.New(signature.Options{Keys: s.Signatures.Keys, Dir: s.Signatures.Dir}); err != nil {
			return nil, fmt.Errorf("signatures: %w", err)
		}
	}
	if st.build, err = compile.Build(spawner.Path()); err != nil {
		return nil, err
	}
	if st.store, err = content.Open(filepath.Join(dir, "modules"), content.Options{
		Bytes: int64(s.Modules.Store), Module: int64(s.Modules.MaxSize), Log: log,
	}); err != nil {
		return nil, fmt.Errorf("open the store of modules: %w", err)
	}
	secret, err := cache.Secret(filepath.Join(dir, "secret"))
	if err != nil {
		return nil, fmt.Errorf("read the secret of the cache: %w", err)
	}
	if st.cache, err = cache.Open(filepath.Join(dir, "cache"), secret, cache.Options{Bytes: int64(s.Cache), Log: log}); err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	st.compiler, err = compile.New(compile.Config{
		Spawn: spawner, Scratch: filepath.Join(dir, "scratch"), AtOnce: s.Compile.AtOnce, Queue: s.Compile.Queue, Log: log, Observe: observe,
		Limits: compile.Limits{CPU: s.Compile.CPU, Wall: s.Compile.Wall, Data: int64(s.Compile.Memory)},
	})
	if err != nil {
		return nil, fmt.Errorf("open the compiler: %w", err)
	}
	return st, nil
}

// Close ends what is being made and lets go of everything. Images that are in use stay usable.
func (s *Studio) Close() error {
	s.makings.close()
	var errs []error
	if s.compiler != nil {
		errs = append(errs, s.compiler.Close())
	}
	s.shelf.close()
	if s.cache != nil {
		errs = append(errs, s.cache.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}

// Stats returns the figures of the cache and of the store.
func (s *Studio) Stats() (cache.Stats, content.Stats) { return s.cache.Stats(), s.store.Stats() }

// Native reports whether modules are compiled: native code may be executed here.
func (s *Studio) Native() bool { return s.noCode == nil }

// Image returns the image for a workload, which its caller closes. Progress, if it is not nil, is told
// when something begins that takes long.
func (s *Studio) Image(ctx context.Context, w *workload.Workload, progress func(string)) (*Image, From, error) {
	d, err := s.acquire(ctx, w)
	if err != nil {
		return nil, "", err
	}
	if _, err := s.policy.Check(d, signatures(w)...); err != nil {
		return nil, "", &RefusedError{Digest: d, Reasons: []string{err.Error()}}
	}
	r := newRequest(w, s.settings)
	name := r.name(d)
	if i := s.shelf.get(name); i != nil {
		return i, i.again(), nil
	}
	if s.noCode != nil {
		return s.makings.wait(ctx, name, func(ctx context.Context) (*Image, From, error) { return s.only(ctx, d, r) })
	}
	i, err := s.find(d, r)
	if err == nil {
		s.shelf.put(name, i)
		return i, FromCache, nil
	}
	if !errors.Is(err, cache.ErrMiss) {
		return nil, "", err
	}
	maker := func(ctx context.Context) (*Image, From, error) { return s.make(ctx, d, r) }
	if w.Start == workload.Fast {
		return s.fast(ctx, d, r, maker)
	}
	if progress != nil {
		progress("compiling")
	}
	return s.makings.wait(ctx, name, maker)
}

func signatures(w *workload.Workload) [][]byte {
	if w.Module.Signature == "" {
		return nil
	}
	return [][]byte{[]byte(w.Module.Signature)}
}

// A RefusedError says why a module is not run. Trying again does not help.
type RefusedError struct {
	Digest  content.Digest // empty if its bytes could not be had
	Reasons []string       // at least one
}

func (e *RefusedError) Error() string {
	if e.Digest == "" {
		return strings.Join(e.Reasons, "; ")
	}
	return fmt.Sprintf("module %s: %s", e.Digest, strings.Join(e.Reasons, "; "))
}
