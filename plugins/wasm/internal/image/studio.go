package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
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
	log      hclog.Logger
	shelf    shelf

	background sync.WaitGroup // compilations that nobody waits for
	ctx        context.Context
	stop       context.CancelFunc
}

// Open makes a studio that keeps what it needs below dir, a directory of its own.
func Open(dir string, s *settings.Settings, spawner *spawn.Spawner, log hclog.Logger) (_ *Studio, err error) {
	st := &Studio{settings: s, log: log, shelf: shelf{images: map[string]*kept{}}}
	st.ctx, st.stop = context.WithCancel(context.Background())
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
		Bytes: int64(s.Modules.Store), Module: int64(s.Modules.MaxSize),
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
		Spawn: spawner, Scratch: filepath.Join(dir, "scratch"), AtOnce: s.Compile.AtOnce, Log: log,
		Limits: compile.Limits{CPU: s.Compile.CPU, Wall: s.Compile.Wall, Data: int64(s.Compile.Memory)},
	})
	if err != nil {
		return nil, fmt.Errorf("open the compiler: %w", err)
	}
	return st, nil
}

// Close lets go of everything. Images that are in use stay usable.
func (s *Studio) Close() error {
	s.stop()
	var errs []error
	if s.compiler != nil {
		errs = append(errs, s.compiler.Close())
	}
	s.background.Wait()
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
	if i := s.shelf.get(r.name(d)); i != nil {
		return i, FromMemory, nil
	}
	i, err := s.find(d, r)
	if err == nil {
		s.shelf.put(r.name(d), i)
		return i, FromCache, nil
	}
	if !errors.Is(err, cache.ErrMiss) {
		return nil, "", err
	}
	if w.Start == workload.Fast {
		return s.interpreted(ctx, d, r)
	}
	if progress != nil {
		progress("compiling")
	}
	i, err = s.make(ctx, d, r)
	if err != nil {
		return nil, "", err
	}
	s.shelf.put(r.name(d), i)
	return i, FromCompiler, nil
}

func signatures(w *workload.Workload) [][]byte {
	if w.Module.Signature == "" {
		return nil
	}
	return [][]byte{[]byte(w.Module.Signature)}
}

// note says which bytes a module was turned into.
type note struct {
	Derived content.Digest `json:"derived"`
}

func (s *Studio) keyOf(d content.Digest, flags string) cache.Key {
	k := s.build
	k.Module, k.Flags = d, flags
	return k
}

// find returns the image of a module that was compiled before, or cache.ErrMiss.
func (s *Studio) find(d content.Digest, r *request) (*Image, error) {
	text, err := s.cache.Note(s.keyOf(d, r.options.Recipe()))
	if err != nil {
		return nil, err
	}
	var n note
	if json.Unmarshal(text, &n) != nil {
		return nil, cache.ErrMiss
	}
	native, err := s.cache.Get(s.keyOf(n.Derived, r.options.Flags()))
	if err != nil {
		return nil, err
	}
	derived, err := s.sealed(n.Derived)
	if err != nil {
		_ = native.Close()
		return nil, err
	}
	return newImage(d, r, derived, native), nil
}

// sealed copies a module of the store into sealed memory.
func (s *Studio) sealed(d content.Digest) (*os.File, error) {
	f, err := s.store.Get(d)
	if errors.Is(err, content.ErrNotFound) {
		return nil, cache.ErrMiss
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", d, err)
	}
	return memfile.Of("wasm", data)
}

// make has the module compiled, and keeps what comes of it.
func (s *Studio) make(ctx context.Context, d content.Digest, r *request) (*Image, error) {
	result, err := s.compile(ctx, d, r, false)
	if err != nil {
		return nil, err
	}
	defer func() { _ = result.Close() }()
	native, err := s.cache.Put(s.keyOf(result.Digest, r.options.Flags()), result.Native)
	if err != nil {
		return nil, fmt.Errorf("keep native code: %w", err)
	}
	s.remember(ctx, d, r, result)
	derived, err := memfile.Dup(result.Derived)
	if err != nil {
		_ = native.Close()
		return nil, err
	}
	return newImage(d, r, derived, native), nil
}

// compile has a child look at the module.
func (s *Studio) compile(ctx context.Context, d content.Digest, r *request, check bool) (*compile.Result, error) {
	f, err := s.store.Get(d)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	o := r.options
	o.CheckOnly = check
	o.Key = fmt.Sprintf("%s %s check=%t", d, o.Recipe(), check)
	result, err := s.compiler.Compile(ctx, f, o)
	var refused *compile.RefusedError
	var limit *compile.LimitError
	switch {
	case errors.As(err, &refused):
		return nil, &RefusedError{Digest: d, Reasons: refused.Reasons}
	case errors.As(err, &limit) && limit.Limit != compile.LimitWall:
		return nil, &RefusedError{Digest: d, Reasons: []string{limit.Error()}}
	}
	return result, err
}

// remember keeps what a later process needs in order to find the code. That it cannot costs a compilation.
func (s *Studio) remember(ctx context.Context, d content.Digest, r *request, result *compile.Result) {
	if result.Digest != d {
		info, err := result.Derived.Stat()
		if err == nil {
			_, err = s.store.Put(ctx, io.NewSectionReader(result.Derived, 0, info.Size()), result.Digest)
		}
		if err != nil {
			s.log.Warn("a module is not kept as it was normalised", "module", d, "error", err)
			return
		}
	}
	text, err := json.Marshal(note{Derived: result.Digest})
	if err == nil {
		err = s.cache.PutNote(s.keyOf(d, r.options.Recipe()), text)
	}
	if err != nil {
		s.log.Warn("where the code of a module lies is not kept", "module", d, "error", err)
	}
}

// interpreted returns an image without native code, which is made meanwhile.
func (s *Studio) interpreted(ctx context.Context, d content.Digest, r *request) (*Image, From, error) {
	result, err := s.compile(ctx, d, r, true)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = result.Close() }()
	derived, err := memfile.Dup(result.Derived)
	if err != nil {
		return nil, "", err
	}
	if s.ctx.Err() == nil {
		s.background.Go(func() {
			i, err := s.make(s.ctx, d, r)
			if err != nil {
				s.log.Warn("a module that is interpreted could not be compiled", "module", d, "error", err)
				return
			}
			s.shelf.put(r.name(d), i)
			i.Close()
		})
	}
	return newImage(d, r, derived, nil), Interpreted, nil
}

// A RefusedError says why a module is not run. Trying again does not help.
type RefusedError struct {
	Digest  content.Digest
	Reasons []string // at least one
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("module %s: %s", e.Digest, strings.Join(e.Reasons, "; "))
}
